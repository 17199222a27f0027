/** The page's style; light and dark, on screen and on paper. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6778; --paper: #f6f7f9; --card: #fff; --line: #dfe3ea; --good: #14804a; --bad: #b3261e; --open: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --paper: #12151b; --card: #1a1f28; --line: #2d3440; --good: #4cc38a; --bad: #ff8a80; --open: #f0b952; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: .25rem 0 .5rem; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .6rem; font-size: 1.05rem; overflow-wrap: anywhere; }
.state { display: inline-block; margin: 0; padding: .1rem .7rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .85rem; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.reason { margin: 0; color: var(--soft); max-width: 60rem; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: .85rem; }
dl, figure, .scroll, .artifact { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: .8rem 1.5rem; margin: 1.5rem 0; padding: 1rem 1.25rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; overflow-wrap: anywhere; }
a { color: inherit; }
figure { margin: 0; padding: 1rem 1.25rem; }
figcaption { font-size: .85rem; font-weight: 600; margin-bottom: .4rem; }
figure svg { display: block; width: 100%; height: auto; }
figure svg text { fill: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .8rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; min-width: 5rem; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); }
.artifact { margin: .5rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; }
code, pre { font: .82rem/1.45 ui-monospace, monospace; }
pre { margin: .6rem 0 0; max-height: 30rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.seal { padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .75rem; color: var(--good); }
.seal.altered, .seal.missing { color: var(--bad); } .seal.unread { color: var(--open); }
@media print { body { background: none; } .scroll { overflow: visible; } pre { max-height: none; } }
`;
