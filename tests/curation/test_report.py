"""The report for people: one file that loads nothing, runs nothing, and shows hostile text as text."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree import ElementTree

from airflow_finetune.curation.report.plots import Part, bars, histogram, stacked_bar
from tests.curation.conftest import Desk

HOSTILE = "</svg></style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Page(HTMLParser):
    """Collects the tags and attributes of a page and checks that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
        if tag not in ("meta", "rect"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_hostile_text_is_shown_and_never_run(desk: Desk) -> None:
    desk.write_lines(
        f"{HOSTILE.replace('/', '_')}.jsonl",
        *({"text": f"{HOSTILE} {n}", "label": HOSTILE} for n in range(9)),
        {"text": HOSTILE},
        {HOSTILE: "x"},
    )
    made = desk.curate(prompt="{text}", completion="{label}", golden={"freeze_holdout": 1}, system=HOSTILE)
    text = (made.out / "report.html").read_text()
    page = Page(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "embed", "form", "a"}
    assert not [name for name in page.attributes if name.startswith("on") or name in ("src", "href", "xlink:href")]
    assert "<script" not in text
    assert any(HOSTILE in shown for shown in page.texts)
    assert any("default-src 'none'" in content for content in page.attributes["content"])


def test_the_page_says_where_every_record_went(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *({"text": f"q{n}", "label": "yes"} for n in range(8)), {"text": "q1", "label": "yes"})
    desk.write("b.csv", "")
    made = desk.curate(prompt="{text}", completion="{label}")
    shown = " ".join(Page((made.out / "report.html").read_text()).texts)
    for part in ("9 records in = 8 out + 1 dropped", "an equal record is kept", "b.csv holds no record.", "no golden"):
        assert part.replace("no golden", "Golden set: none.") in " ".join(shown.split())
    assert made.report["dataset_version"] in shown


def test_the_same_run_gives_the_same_reports(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *({"text": f"q{n}", "label": f"{n % 3}"} for n in range(40)))
    one, two = (desk.curate(out, prompt="{text}", completion="{label}") for out in ("one", "two"))
    for name in ("report.html", "report.json"):
        assert (one.out / name).read_bytes() == (two.out / name).read_bytes()


def test_plots_are_whole_svg_also_of_nothing_and_of_much() -> None:
    for plot in (
        *(stacked_bar([]), stacked_bar([Part(HOSTILE, 0, "train"), Part("b", 10**9, "golden")])),
        *(bars([], "x"), bars([(HOSTILE, 0), ("b" * 500, 7)], HOSTILE)),
        *(histogram([1, 2], [0, 0, 0], "x"), histogram([1, 2], [0, 10**9, 3], HOSTILE)),
    ):
        root = ElementTree.fromstring(plot)
        for rect in root.iter("rect"):
            assert float(rect.attrib["width"]) >= 0
            assert float(rect.attrib["x"]) + float(rect.attrib["width"]) <= 720.01


def test_answers_are_shown_where_they_are_classes_and_not_where_they_are_texts(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *({"text": f"q{n}", "label": f"class {n % 4}", "free": f"text {n}"} for n in range(40)))
    classes = desk.curate("classes", prompt="{text}", completion="{label}").report["measures"]
    assert classes["answers"] == [[f"class {n}", 10] for n in range(4)]
    assert desk.curate("texts", prompt="{text}", completion="{free}").report["measures"]["answers"] is None
