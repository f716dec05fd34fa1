"""The English function words by which `parse_answer` tells a verdict from a mere mention.

Closed lists, so that what is read and what is not can be looked up; content words are deliberately
few, since every one of them is a way to misread a description as a judgement.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Turn the label that follows into its opposite.
NEGATORS = _words(
    "not never non nor neither isn't aren't wasn't weren't doesn't don't didn't cannot can't hardly"
)
# Between a subject and a label: what makes the label a verdict.
LINKS = _words(
    "is are was be being it's that's this's as to answer answers label labels verdict "
    "conclusion relation relationship judgment judgement classification decision prediction "
    "choice option result say answering choose pick select guess called seems seem appears appear "
    "looks look like means conclude call labelled labeled classified considered judged rated "
    "marked equals does do holds hold turns out makes hence therefore thus so remains remain "
    "becomes stays"
)
# May stand before a label without changing it.
FILLERS = _words(
    "a an the definitely clearly certainly surely probably most very indeed actually "
    "really simply just rather more obviously also overall ultimately then finally final "
    "correct best in fact well okay ok sure yeah um hmm my here been instead evidently highly "
    "quite pretty extremely absolutely directly logically strongly at all any deeply truly "
    "blatantly openly downright"
)
# Before the name of a thing: it is still that thing.
ADJECTIVES = _words(
    "small large big little tiny young old brown black white red blue green grey gray yellow "
    "orange single cute"
)
# Before a label: no verdict can be read.
HEDGES = _words(
    "might may could would should if whether unless half partly partially mostly somewhat "
    "almost nearly necessarily always entirely completely fully wholly either both or and when "
    "can between sometimes maybe perhaps vs versus couldn't wouldn't shouldn't mightn't mustn't "
    "needn't likely supposedly allegedly possibly potentially barely scarcely technically arguably"
)
# Anywhere before a label in its clause: the clause is not a plain statement.
BLOCKERS = NEGATORS | _words(
    "if whether unless would could might may should doubt unsure uncertain unclear unable "
    "possible impossible hard difficult no nothing none without cannot either when suppose "
    "supposed imagine doubtful questionable debatable dubious unlikely improbable wonder depends "
    "couldn't wouldn't shouldn't mightn't mustn't pretend claims claimed alleges alleged says said "
    "will shall used had were"
)
# Skipped at the start of a clause when its subject is looked for.
LEADS = _words(
    "the a an this that these those my our your its i we think believe find feel and so "
    "therefore thus hence then also but final correct best overall given most likely right now "
    "conclude which because since as follows of first second means meaning implies implying "
    "proves proving classify consider judge rate call main"
)
# What a verdict may be about.
SUBJECTS = _words(
    "it this that statement sentence claim hypothesis assertion answer label verdict conclusion "
    "relation relationship caption meme image images picture pictures photo pair premise text "
    "content post result they judgment judgement classification decision prediction choice "
    "option which message scene description he she guess object animal thing class category joke "
    "humor humour"
)
# After a label: the clause may go on like this and the label is still the verdict.
FOLLOWERS = _words(
    "because since as given for and but so that in of about with to here according based due on "
    "per statement sentence claim label relation relationship meme content image images picture "
    "photo post text one answer class category message joke thus therefore hence again indeed "
    "too then i we towards toward against rather instead not"
)
# After a label that opens the answer, without punctuation between: "true the left image …".
STARTS = FOLLOWERS | _words(
    "the there this these those it they both all each only no neither i we a an left right one "
    "he she two three four five six some none nothing every everything"
)
# After the label word "no", which is a determiner as often as an answer ("no one", "no text").
AFTER_NO = _words(
    "because since as given but so to according based due therefore thus hence again indeed then "
    "i we it the there this that these those they he she its neither not"
)
# Verdicts that are verbs have an object: "contradicts the hypothesis".
VERBS = _words("entails entail contradicts contradict implies imply supports support refutes")
OBJECTS = _words("the it this that what its nor each")
# "true for the left image": the verdict is on a part.
SCOPES = _words("for in on of")
PARTS = _words("left right one first second third top bottom only part some half most other")
# After a label: "a true statement would need two dogs".
MODALS = _words("would could should must might needs requires")
# Nouns of a relation, of which there is one or none: "no contradiction".
RELATIONS = _words("contradiction entailment")
# After a negated label these say how much, not whether: "not very offensive".
DEGREES = _words(
    "very highly extremely quite pretty most absolutely rather more simply so deeply truly openly"
)
# After what a picture is said to show: "a cat sitting on a mat".
POSES = _words(
    "sitting standing lying running flying sailing walking parked looking swimming jumping "
    "sleeping eating driving floating grazing perched moored resting facing"
)
# Function words of other languages that are no English words: such a sentence is not read.
FOREIGN = _words(
    "es ist sind nicht und eine einen einem einer kein keine keinen zeigt auf weil dass "
    "hay una del porque está esta este ningún ninguna muestra imagen respuesta "
    "est une dans parce qu'il n'est c'est aucun aucune réponse "
    "è della nella perché mostra questo questa não uma há imagem "
    "het een niet omdat geen jest nie"
)
# What follows a verdict after these is why, and no verdict of its own.
CAUSES = _words("because since given")
# From here on the clause gives reasons; labels named there are not verdicts.
REASONS = _words("because since as given if would when although though whereas")
# Comparisons that say what it is not.
NOT_THIS = (
    *("rather than", "instead of", "as opposed to", "in contrast to", "and not", "but not"),
    *("nor", "let alone"),
)
# What a picture or a text holds: "no offensive content"; and how the clause may go on after it.
CONTENT = _words(
    "content language material message messages text words elements remarks speech imagery humor "
    "humour stereotypes ideas ideology jokes joke"
)
CONTENT_GOES_ON = _words("and or that about towards toward in at because since here")
# A word that the template does not have: alone in its clause, and how the clause may go on.
SAID_ALONE = _words("true false correct incorrect untrue inaccurate")
SAID_GOES_ON = _words("because since as given so and that for here according based then thus")
# Before a participle.
BE = _words("is are was be being isn't aren't wasn't neither nor")
