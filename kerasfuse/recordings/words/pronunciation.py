"""How an English word that no dictionary has may sound, letter by letter.

Forced alignment needs only about as many sounds as the word has, in about this order.
"""

_DIGITS = {
    "0": "Z IH R OW",
    "1": "W AH N",
    "2": "T UW",
    "3": "TH R IY",
    "4": "F AO R",
    "5": "F AY V",
    "6": "S IH K S",
    "7": "S EH V AH N",
    "8": "EY T",
    "9": "N AY N",
}
_LETTERS = {
    **{"tch": "CH", "igh": "AY", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "ck": "K"},
    **{"ng": "NG", "qu": "K W", "wh": "W", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW"},
    **{"ow": "OW", "ai": "EY", "ay": "EY", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO"},
    **{"er": "ER", "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R", "x": "K S", "a": "AE"},
    **{"b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH"},
    **{"j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K"},
    **{"r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "y": "IY", "z": "Z"},
    **_DIGITS,
}
_LONGEST = max(map(len, _LETTERS))


def pronunciation(word):
    """Spell a word in the phones of the CMU dictionary.

    Args:
        word: letters from a to z and digits, in lower case; others are not heard.

    Returns:
        Phones with spaces between; empty for a word without a letter or digit.

    Example:

    >>> pronunciation("vlogger")
    'V L AA G ER'
    """
    phones, place = [], 0
    while place < len(word):
        for length in range(_LONGEST, 0, -1):
            sound = _LETTERS.get(word[place : place + length])
            if sound is not None:
                break
        # A doubled letter is heard once.
        if sound is not None and not (length == 1 and word[place] == word[place - 1 : place]):
            phones.append(sound)
        place += length
    if len(word) > 2 and word.endswith("e") and len(phones) > 1 and phones[-1] == "EH":
        phones.pop()
    return " ".join(phones)
