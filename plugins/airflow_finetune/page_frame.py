"""The frame of a page for people: one HTML file that loads and runs nothing. What goes into it is escaped already."""

from __future__ import annotations

from html import escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5d6878; --paper: #fff; --card: #f5f7fa; --line: #dde3ea;
  --first: #2f6fb7; --good: #2a9d8f; --bad: #b4485a; --open: #b3801f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --quiet: #9aa6b5; --paper: #14181e; --card: #1d232b;
  --line: #303946; --first: #6aa5e8; --good: #56c2b4; --bad: #d9707f; --open: #e0b75c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 860px; padding: 24px 20px 60px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 34px 0 10px; }
p { margin: 6px 0; } .quiet { color: var(--quiet); }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 5px 12px 5px 0; border-top: 1px solid var(--line); vertical-align: top; }
th { border-top: 0; color: var(--quiet); font-weight: 500; }
td.count, th.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.card { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--first);
  border-radius: 6px; padding: 10px 14px; margin: 12px 0; }
.holds { color: var(--good); } .broken { color: var(--bad); } .unknown { color: var(--open); }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg .quiet { fill: var(--quiet); } svg .axis { stroke: var(--line); }
svg .mark { fill: var(--first); stroke: var(--first); }
"""


def framed(title: str, body: str) -> str:
    """Return a whole page.

    Args:
        title: any text.
        body: HTML whose texts are escaped.
    """
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )
    return text.encode("utf-8", "replace").decode()
