"""Invented and everyday words from which the base mixture is made: nothing here is taken from a data set."""

from __future__ import annotations

from random import Random


def listed(text: str) -> tuple[str, ...]:
    """Returns the words of a text."""
    return tuple(text.split())


FILLER = listed(
    """
    a about after again all also am an and any are as at be because before but by call can check could day did do
    does done each else every few first fine for from get give go good great had has have hello help here hi how i
    if in is it its just know last later let like long look made make many may me more most much must my need never
    new next no not note now of off ok old on once one only or our out over part please put rather really right same
    see send should since so some soon still such sure take tell than thank thanks that the them then there these
    they thing this those time to today together tomorrow too try under until up us use very wait want was way we
    well were what when where which who why will with without work would yes yet you your
    """
)

NOUNS = listed(
    """
    account address app area bag bank bar basket bed bench bike bill board boat book booking bottle box bread bridge
    bus button cab cable cake camera car card case cash chair change charge city class clock coat code coffee coin
    colour corner country course cup currency desk dish door dinner engine error exchange farm fee field file film
    floor flower fork form fruit garden gate glass group hall hand hat house identity issue key kitchen lamp letter
    light limit line list lock lunch machine map market meal message metal money month music name night number
    office oil page paper parcel park party password payment pen people person phone photo picture pin place plan
    plant plate point pool post price problem question radio rate reason receipt refund report restaurant ring river
    road room rope salary school screen seat ship shirt shop sign size song spoon station stone store story street
    sugar sum table tap tea team ticket tool top town toy train transfer tree trip truck visit voice wall watch
    water week wheel window wood world year
    """
)

ADJECTIVES = listed(
    """
    able big blue bright broken busy careful cheap clean clear closed cold cool dark deep dry early easy empty fast
    free fresh full green grey happy hard heavy high hot kind large late little local loud low main new nice odd
    open paid pale plain quick quiet ready real red rich round safe sharp short silent simple slow small soft
    strange strong sweet tall tiny true virtual warm weak wet white wide wrong yellow young
    """
)

VERBS = listed(
    """
    add arrive ask block book bring buy cancel carry change choose close collect deny drive eat fail find fix get
    hold keep leave lend lose meet move open order pack pay pick plan print read repair reply return ring save sell
    send show sign start stay stop take top track travel try turn use verify visit wait walk want wash write
    """
)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
NUMBER_WORDS = listed(
    """
    zero one two three four five six seven eight nine ten eleven twelve
    """
)

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VOWELS = "aaaeeeiioou"
_ONSETS = listed(
    """
    b c d f g h j k l m n p r s t v w z br ch cl dr fl gr kr pl pr sh sk sl sn sp st th tr qu
    """
)
_CODAS = ("", "", "", "", "n", "r", "l", "s", "t", "k", "m", "nd", "rt", "x")


def pseudo_word(rng: Random) -> str:
    """Returns an invented word: syllables mostly, random letters sometimes (so that copying learns no spelling)."""
    if rng.random() < 0.25:
        return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(2, 7)))
    syllables = rng.choice((1, 2, 2, 2, 3))
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))


def any_word(rng: Random) -> str:
    """Returns an invented or an everyday word."""
    draw = rng.random()
    if draw < 0.45:
        return pseudo_word(rng)
    return rng.choice(NOUNS if draw < 0.75 else ADJECTIVES if draw < 0.9 else VERBS)


def phrase(rng: Random, longest: int = 4) -> str:
    """Returns one to ``longest`` words, now and then with a filler between them."""
    words = [any_word(rng) for _ in range(rng.randint(1, longest))]
    if len(words) > 1 and rng.random() < 0.3:
        words.insert(1, rng.choice(FILLER))
    return " ".join(words)


def person(rng: Random) -> str:
    """Returns an invented name of one to three words, mostly capitalised."""
    name = " ".join(pseudo_word(rng) for _ in range(rng.choice((1, 2, 2, 2, 3))))
    return name if rng.random() < 0.12 else name.title()


def code(rng: Random) -> str:
    """Returns an invented code: upper or lower case letters and digits with and without a separator."""
    letters = "".join(rng.choice(_LETTERS) for _ in range(rng.randint(1, 4)))
    digits = "".join(str(rng.randint(0, 9)) for _ in range(rng.randint(1, 5)))
    letters = letters if rng.random() < 0.3 else letters.upper()
    joint = rng.choice(("", "-", "-", "-", "/", ".", "_", " "))
    parts = [letters, digits] if rng.random() < 0.8 else [digits, letters]
    if rng.random() < 0.25:
        parts.append(rng.choice(_LETTERS).upper() if rng.random() < 0.5 else str(rng.randint(0, 99)))
    return joint.join(parts)


def clock(rng: Random) -> str:
    """Returns a time of day as people write it."""
    hour, minute = rng.randint(1, 12), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50))
    forms = (f"{hour}pm", f"{hour} am", f"{hour}:{minute:02d}", f"{hour + 11}:{minute:02d}", f"{hour}:{minute:02d} pm")
    return rng.choice(forms)


def date(rng: Random) -> tuple[str, str]:
    """Returns a date as written and the same date as year-month-day."""
    year, month, day = rng.randint(2019, 2031), rng.randint(1, 12), rng.randint(1, 28)
    iso, name = f"{year}-{month:02d}-{day:02d}", MONTHS[month - 1]
    short = name[:3]
    return rng.choice((iso, iso, f"{day} {name} {year}", f"{name} {day}, {year}", f"{day} {short} {year}")), iso


def number(rng: Random) -> str:
    """Returns a whole number as digits: small ones more often than large ones."""
    return str(rng.randint(0, rng.choice((9, 20, 99, 999, 9999))))
