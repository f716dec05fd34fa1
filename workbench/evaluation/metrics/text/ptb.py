"""Split captions as the COCO caption evaluation does, without Java.

COCO's code runs Stanford CoreNLP 3.4.1's `PTBTokenizer -lowerCase` and drops punctuation tokens
(Chen et al. 2015, "Microsoft COCO Captions"). This module gives the same tokens by regular
expressions; a test holds it to what the Java program printed for awkward texts. Known to differ,
and not met in captions: telephone numbers in brackets, emoticons, tags with attributes.
"""

from __future__ import annotations

import re

# COCO drops these. Brackets stay, as `-lrb-` and so on: it compares them in upper case, after
# the tokenizer has written them in lower case.
PUNCTUATION = frozenset(
    {"''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-"}
    | {".", "?", "!", ",", ":", "-", "--", "...", ";"}
)
_REWRITTEN = {
    **{"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"},
    **{"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"},
    **{"£": "#", "€": "$", "¢": "cents", "¤": "$"},
    **{"…": "...", "‒": "--", "–": "--", "—": "--", "―": "--"},
}
_QUOTES = frozenset("\"'`‘’‚‛“”„«»‹›\x91\x92\x93\x94") | {"``", "''"}
_ENTITIES = (("&amp;", "&"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"))

# Abbreviations whose period belongs to them.
_ABBREVIATIONS = (
    r"mr|mrs|ms|dr|drs|prof|profs|sen|sens|rep|reps|gov|govs|gen|gens|lt"
    r"|lts|col|cols|capt|maj|sgt|sgts|cpl|hon|rev|revs|adm|pres|supt|messrs|mmes"
    r"|mlle|mme|st|ste|sr|jr|bros|inc|ltd|corp|co|cos|assn|univ|dept|depts"
    r"|vs|etc|jan|feb|apr|jun|jul|aug|sep|sept|oct|nov|dec|tue|tues|wed"
    r"|thu|thurs|fri|ave|blvd|rd|mt|ft|ext|cont|est|fig|figs|eq|al"
)
_A = "['’\x92]"
# After a single letter and a period, these begin a sentence.
_STARTS = (
    "A|About|After|An|As|At|But|He|Her|Here|However|If|In|It|Last|Many|More|Now|Once|One|Other|Our|"
    "She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|You"
)
_ALNUM = r"[^\W_]"
_LETTER = r"[^\W\d_]"

_TOKEN = re.compile(
    rf"""
    (?P<url>(?:https?://|www\.)[^\s"'<>|(){{}}\[\]]+[^\s"'<>|.!?,;(){{}}\[\]-])
  | (?P<mail>[a-z0-9_][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+)
  | (?P<handle>[@\#][a-z_][a-z0-9_]*)
  | (?P<tag></?[a-z][a-z0-9]*\s?/?>)
  | (?P<parts>(?:can)(?=not\b)|(?:gon|wan)(?=na\b)|got(?=ta\b)|(?:lem|gim)(?=me\b)
            |{_A}t(?=(?:is|was)\b))
  | (?P<and>{_A}n{_A}(?=\s|$))
  | (?P<decade>{_A}[0-9]0s\b)
  | (?P<clitic>(?:{_A}(?:s|m|d|re|ve|ll)|n{_A}t)(?!{_ALNUM}))
  | (?P<program>c\+\+|c\#|f\#)
  | (?P<acronym>(?:[a-z]\.)+[a-z]\.(?!{_ALNUM})|ph\.d\.
              |(?<!{_ALNUM})[a-z]\.(?!{_ALNUM})(?!\s+(?-i:{_STARTS})\b))
  | (?P<abbreviation>(?:{_ABBREVIATIONS})\.(?!{_ALNUM}))
  | (?P<numbered>no\.(?=\s*\d))
  | (?P<time>\d+(?::\d\d)+(?=[ap]m\b)|\d+(?=[ap]m\b))
  | (?P<number>[+-]?(?:\d+(?:[.,:/-]\d+)*|\.\d+(?:[.,:/-]\d+)*)(?!{_ALNUM})(?!-[a-z])(?!/[a-z]))
  | (?P<slashed>[a-z0-9]+(?:-[a-z0-9]+){{0,2}}(?:/[a-z0-9]+(?:-[a-z0-9]+){{0,2}}){{1,2}}(?![^\W_]))
  | (?P<word>
        (?:[dol]['’](?=[a-z]))?
        (?:(?!n{_A}t(?!{_ALNUM}))(?:{_ALNUM}|[\u0300-\u036f\u00ad_]))+
        (?:
            -(?=\d+\.\d)\d+(?=\.)
          | [-_&](?=[^\W_])(?:(?!n{_A}t(?!{_ALNUM}))(?:{_ALNUM}|[_]))+
          | [.!?](?={_LETTER})(?:(?!n{_A}t(?!{_ALNUM}))(?:{_ALNUM}|[_]))+
          | '(?=[a-z]{{2}})(?!(?:re|ve|ll)(?!{_ALNUM}))[a-z]+
        )*
    )
  | (?P<dots>\.\.+)
  | (?P<dashes>--+)
  | (?P<marks>[?!]+)
  | (?P<quotes>``|'')
  | (?P<other>\S)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def ptb_tokens(text: str) -> list[str]:
    """The tokens of one caption, lower case, without punctuation.

    Args:
        text: One caption; line breaks count as spaces.

    Returns:
        What COCO's `PTBTokenizer` leaves of it.
    """
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    tokens = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in _QUOTES or token in PUNCTUATION:
            continue
        if match.lastgroup == "dots" or (match.lastgroup == "dashes"):
            continue
        token = _REWRITTEN.get(token, token).replace("\xad", "").lower()
        if match.lastgroup in ("clitic", "parts", "and", "decade"):
            token = token.replace("’", "'").replace("\x92", "'")
        if token not in PUNCTUATION:
            tokens.append(token)
    return tokens
