"""Turns of phrase that decide how a whole sentence, or a label in it, is read.

Each is one pattern with the reason why it is there. Guarantee: what they do not cover is left to
the closed lists of `parse_words`. Not for judging a label by its clause: see `parse_verdict`.
"""

from __future__ import annotations

import re

# What holds of a sentence that begins so is no answer: it hedges, …
IN_THEORY = re.compile(
    r"\s*(?:in (?:theory|principle|general)|generally|usually|ideally|hopefully|perhaps|possibly"
    r"|presumably|theoretically|maybe)\s*,",
    re.I,
)
# "If the dog counts, yes": what is read must follow from what is seen.
SUPPOSES = re.compile(r"\s*(?:if|unless|assuming|provided|suppose|supposing)\b", re.I)
# … (as "Yes, I can help with that" does) answers another question.
OFFERS = re.compile(
    r"\s*(?:yes|no|sure|of course)\s*,?\s*(?:of course,? )?(?:let me|please|here (?:is|are)"
    r"|i understand|i(?:'d| would) be (?:happy|glad)|i (?:can|could|will|am able to) "
    r"(?:help|assist|describe))\b",
    re.I,
)
# … or leaves it to what is not shown.
DEPENDS = re.compile(r"\s*(?:depending on|it depends|without (?:more|the) context)\b", re.I)
# … tells what was thought before, or what someone else says.
EARLIER = re.compile(
    r"\s*(?:at first|initially|my (?:first|initial)|i (?:first|initially)|according to the "
    r"(?:caption|user|text|sign|author|statement|hypothesis))\b",
    re.I,
)
# Said before a verdict without changing it.
ASIDES = re.compile(
    r"\b(?:i would|i'd|i'll|i will|we would|we'll|we will|let us|let's|let me)"
    r"(?= (?:say|answer|call|choose|pick|select|label|conclude|classify|rate|judge|consider)\b)"
    r"|\b(?:(?:i'd|i'll|i|we) (?:would |will )?go (?:with|for)"
    r"|(?:my|the) answer (?:to (?:your|the|this) question )?would be)\b"
    r"|\bit(?:'s| is) (?:safe|fair) to say\b(?: that\b)?"
    r"|\bshould(?= not be (?:considered|called|classified|labell?ed|judged|rated)\b)"
    r"|\b(?:i|we|one) can (?:safely )?(?:confirm|conclude|say|infer|deduce|see)\b(?: that\b)?"
    r"|\b(?:i|we) (?:hereby )?(?:confirm|conclude) that\b",
    re.I,
)
# A denial in the main clause turns what the other clause says.
NEG_RAISED = re.compile(
    r"\b(?:(?:do|does|did) ?n[o']t|don't|doesn't) (?:think|believe|consider|feel|find)\b"
    r"(?: that\b)?"
    r"|\b(?:i|we) (?:wouldn't|would not) (?:consider|call|classify|describe)\b"
    r"|\b(?:is|it's) ?(?:not|n't)(?: really)? the case that\b|\bisn't the case that\b"
    r"|\bthere(?:'s| is) no way(?: that)?\b"
    r"|\b(?:is not|isn't|it's not|not) (?:true|correct) that(?= (?:the|this) (?:statement|sentence"
    r"|hypothesis|claim|meme|image) (?:is|was)\b)",
    re.I,
)
NEGATED_HEAD = re.compile(
    r"\b(?:it's|it is) (?:incorrect|wrong) to (?:say|call)\b(?: that\b)?", re.I
)
# "true, except for …", "true (if one counts the puppy)".
CONDITION = re.compile(
    r"\s*,?\s*(?:except|if|unless|provided|assuming|as long as|depending|only (?:if|when)"
    r"|to (?:some|a (?:certain|degree))|(?:for|by|in) some|per se|as such"
    r"|(?:in|by) itself|on its own)\b",
    re.I,
)
# "Hateful: no": the label is the name of a field.
FIELD = re.compile(r"\s*[:=]\s*(yes|no|true|false|[01])\s*(?:$|[,;.\n])", re.I)
OPEN_FIELD = re.compile(r"\s*[:=]\s*(?:maybe|perhaps|partly|unsure|unclear|unknown|n/?a)\b", re.I)
# "the image is hateful, the text is not"; "not hateful, but with the text it is".
TAKEN_BACK = {
    True: re.compile(r"\b(?:(?:is|are|does|do|was) not|(?:is|are|does|do|was)n't)\s*$", re.I),
    False: re.compile(r"\b[a-z]+ (?:is|are|does|do|was)\s*$", re.I),
}
