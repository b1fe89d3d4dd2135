"""How the report looks: on a screen light or dark, on paper, narrow or wide."""

from __future__ import annotations

from typing import Final

STYLESHEET: Final = """
:root { color-scheme: light dark; --ink: #18181c; --faint: #585860; --paper: #fff;
  --panel: #f4f4f6; --rule: #d0d0d6; --likely: #b34700; --warn: #fff3d6; --warn-rule: #b07800; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #ececf1; --faint: #a8a8b4;
  --paper: #17171a; --panel: #222227; --rule: #3e3e47; --likely: #ff9a57; --warn: #33290f;
  --warn-rule: #d9a441; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p, ul, ol, table, figure { margin: 0 0 1rem; }
p, li { max-width: 48rem; }
li { margin-bottom: .25rem; }
.lead { color: var(--faint); }
.short li { font-size: 1.06rem; }
.warning { background: var(--warn); border-left: 4px solid var(--warn-rule); padding: .75rem 1rem;
  max-width: 50rem; }
.warning p:last-child { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; }
caption { text-align: left; font-weight: 600; padding: 0 0 .4rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0;
  border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
tbody th { font-weight: 500; }
thead th { font-size: .85rem; color: var(--faint); font-weight: 600; overflow-wrap: normal; }
td { font-variant-numeric: tabular-nums; }
table.facts { width: auto; min-width: 20rem; }
table.facts tbody th { color: var(--faint); font-weight: 400; padding-right: 2rem; }
.counts { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: start; }
.counts table { width: auto; min-width: 15rem; flex: 0 1 20rem; }
.counts td, .counts thead th + th { text-align: right; }
.flagged { min-width: 44rem; }
.flagged thead th:nth-child(1) { width: 144px; }
.flagged thead th:nth-child(2) { width: 36%; }
.flagged tbody { break-inside: avoid; border-bottom: 1px solid var(--rule); }
.flagged tbody th, .flagged tbody td { border-bottom: 0; }
.flagged tbody th { font-weight: 600; }
.flagged ul { margin: 0; padding-left: 1.1rem; font-size: .88rem; columns: 2; column-gap: 2rem; }
.flagged li { break-inside: avoid; max-width: none; }
.llr { color: var(--likely); font-weight: 600; white-space: nowrap; }
.small { font-size: .86em; font-weight: 400; color: var(--faint); display: block; }
img { max-width: 100%; height: auto; display: block; }
figure { background: #fff; border: 1px solid var(--rule); }
figure img { width: 100%; }
figcaption { background: var(--panel); color: var(--ink); padding: .6rem 1rem; font-size: .92rem; }
.thumb { width: 128px; background: #b0b2b8; }
.alike { display: flex; flex-wrap: wrap; gap: 4px; min-width: 132px; }
.alike img { width: 64px; background: #b0b2b8; }
.name { unicode-bidi: isolate; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .86rem; }
tbody th code { white-space: nowrap; }
pre { background: var(--panel); padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
nav li { margin: 0; }
a { color: inherit; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; } h2 { break-after: avoid; margin-top: 1.5rem; }
  figure, tr, .warning { break-inside: avoid; } thead { display: table-header-group; }
  .wide { overflow: visible; }
  .flagged { min-width: 0; font-size: 8.5pt; } .flagged ul { font-size: 7.5pt; }
  .flagged thead th:nth-child(1) { width: 92px; } .thumb { width: 84px; }
  pre { white-space: pre-wrap; } @page { margin: 15mm; } }
"""
