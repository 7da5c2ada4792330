"""The frame of the pages that people open in a browser."""

from __future__ import annotations

from html import escape

from fastapi.responses import HTMLResponse

_STYLE = """:root{color-scheme:light dark}body{font:17px/1.5 system-ui,sans-serif;max-width:34rem;margin:14vh auto;padding:0 1.2rem;color:#1c2733}
body.long{max-width:52rem;margin:4vh auto}h1{font-size:1.5rem;margin-bottom:.4rem}a{color:#0b5fad}
h2{font-size:1.2rem;margin:1.6rem 0 .4rem}code{font-size:.88em;background:#f1f4f7;padding:.1em .3em;overflow-wrap:anywhere}
pre{background:#f1f4f7;padding:.7rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere}pre code{padding:0}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}th,td{border:1px solid #d5dce3;padding:.3rem .6rem;text-align:left}
@media(prefers-color-scheme:dark){body{background:#11161c;color:#e8edf2}a{color:#7dbcf7}code,pre{background:#2b343e}
th,td{border-color:#3c4854}}"""


def page(
    title: str, body: str, *, head: str = "", kind: str = "", pictures: bool = False, status: int = 200
) -> HTMLResponse:
    """A page of our own: `body` and `head` are HTML, `kind` is ``long`` for one that is read. No scripts can run.

    With `pictures` it may show some of our own.
    """
    images = "; img-src 'self'" if pictures else ""
    return HTMLResponse(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8">{head}
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)} · Fairlead</title>
<style>{_STYLE}</style></head>
<body class="{escape(kind)}">{body}</body></html>""",
        status,
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'{images}",
        },
    )
