//! The style sheet. Colours have a contrast of at least 4.5 to 1 on their background, in the light
//! and in the dark (WCAG 2.2, 1.4.3), and never carry a meaning alone.

pub(super) const CSS: &str = "
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;
--good:#116329;--good-bg:#dafbe1;--caution:#7a4a00;--caution-bg:#fff3d6;--bad:#a40e26;--bad-bg:#ffe4e6;
--link:#0550ae;--bar-bad:#cf222e;--bar-caution:#d4a017;--bar-good:#2da44e}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9da7b3;--line:#30363d;--panel:#161b22;
--good:#6fdd8b;--good-bg:#0f2d1a;--caution:#f2cc60;--caution-bg:#332701;--bad:#ff9492;--bad-bg:#3c1418;
--link:#79c0ff;--bar-bad:#f85149;--bar-caution:#d29922;--bar-good:#3fb950}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem 2rem 4rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.2;margin:.2rem 0 .4rem}
h2{font-size:1.3rem;margin:2.6rem 0 .8rem;padding-top:.6rem;border-top:2px solid var(--line)}
h3{font-size:1.1rem;margin:0}h4{font-size:.95rem;margin:1.2rem 0 .4rem}
p{margin:.5rem 0;max-width:75ch}a{color:var(--link)}
.kicker,.soft,.none,figcaption,caption,footer{color:var(--soft)}
.kicker{margin:0;font-size:.9rem}
.lead{font-size:1.1rem}
.headline{display:flex;gap:.9rem;align-items:baseline;font-size:1.3rem;font-weight:600;margin:1.2rem 0;padding:.9rem 1.1rem;
border-left:6px solid;border-radius:4px;max-width:none}
.good{color:var(--good)}.caution{color:var(--caution)}.bad{color:var(--bad)}
.headline.good,.badge.good{background:var(--good-bg)}.headline.caution,.badge.caution{background:var(--caution-bg)}
.headline.bad,.badge.bad,.loud{background:var(--bad-bg)}
.loud{color:var(--bad);font-weight:600;padding:.7rem 1rem;border-left:6px solid;max-width:none}
.badge{display:inline-block;padding:.1rem .55rem;border-radius:1rem;font-size:.82rem;font-weight:600;line-height:1.5;white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.8rem;margin:1rem 0;padding:0;list-style:none}
.tiles li{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem}
.tiles b{display:block;font-size:2rem;line-height:1.15;font-variant-numeric:tabular-nums}
.tiles span{display:block;font-weight:600}.tiles small{color:var(--soft);font-size:.83rem;display:block}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.8rem 0 0;list-style:none;font-size:.92rem}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.35rem 1.6rem;margin:.8rem 0}
dl.facts div{min-width:0}dt{color:var(--soft);font-size:.82rem}dd{margin:0}
dd ul{margin:0;padding-left:1.1rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0 1rem;font-size:.88rem}
caption{text-align:left;padding:.2rem 0 .4rem;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:.38rem .6rem .38rem 0;border-bottom:1px solid var(--line)}
thead th{overflow-wrap:normal;border-bottom:2px solid var(--line);font-size:.8rem;color:var(--soft)}
tbody th{font-weight:600;min-width:7rem}
.n{text-align:right;font-variant-numeric:tabular-nums;padding-right:1rem;white-space:nowrap}
time{white-space:nowrap;font-variant-numeric:tabular-nums}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.84em}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;white-space:pre-wrap;margin:.3rem 0 .8rem}
article{border:1px solid var(--line);border-radius:8px;padding:1.1rem 1.3rem;margin:1rem 0;background:var(--bg)}
article>header{display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:center}
figure{margin:1rem 0}figcaption{font-size:.85rem}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--fg);font:12px system-ui,'Segoe UI',Arial,sans-serif}
svg .s{fill:var(--soft);font-size:11px}svg .b{font-weight:600}
svg .axis{stroke:var(--line);stroke-width:1}svg .now{stroke:var(--fg);stroke-width:1;stroke-dasharray:4 3}
svg .red{fill:var(--bar-bad)}svg .amber{fill:var(--bar-caution)}svg .green{fill:var(--bar-good)}
svg .lr{stroke:var(--bar-bad)}svg .la{stroke:var(--bar-caution)}svg .lg{stroke:var(--bar-good)}
svg .dot{fill:var(--bg);stroke:var(--fg);stroke-width:2}svg .proof{fill:var(--bg);stroke:var(--fg);stroke-width:1.6}
svg .cut{fill:none;stroke:var(--bg);stroke-width:3}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;font-size:.85rem;color:var(--soft);margin:.3rem 0;max-width:none}
.legend i{display:inline-block;width:1.1em;height:.75em;border-radius:2px;margin-right:.4em}
.legend .red{background:var(--bar-bad)}.legend .amber{background:var(--bar-caution)}.legend .green{background:var(--bar-good)}
@media screen and (max-width:44rem){.tiles{grid-template-columns:1fr 1fr}body{padding:1rem}table{display:block;overflow-x:auto}}
details summary{cursor:pointer;font-weight:600;padding:.3rem 0}
footer{border-top:1px solid var(--line);margin-top:2.5rem;font-size:.85rem}
.tampered h1{color:var(--bad)}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--soft:#444;font-size:10.5px}body{max-width:none;padding:0;font-size:1rem}
nav{display:none}td time{white-space:normal;display:inline-block;min-width:6.5em}svg{width:96%}
figure,tr,.headline,.tiles,article>header{break-inside:avoid}h2,h3,h4,caption,thead{break-after:avoid}a{color:inherit;text-decoration:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
";
