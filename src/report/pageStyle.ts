/**
 * @file How a report looks. Colours after Okabe & Ito (2008), told apart by every kind of colour vision; buying and
 * gaining are blue, selling and losing vermilion, and shape or sign always says it too.
 */

export const PAGE_STYLE = `
:root{--paper:#fbfaf7;--panel:#fff;--ink:#1b1f24;--soft:#5d646d;--line:#e2dfd8;--grid:#eceae4;
--blue:#0067a5;--red:#c44f00;--green:#00835f;--orange:#b97a00;--sky:#2f8fc4;--purple:#9c4a86;--grey:#777d85;
--real:#00694c;--replayed:#0067a5;--synthetic:#8a3f74;
--serif:"Iowan Old Style","Charter","Source Serif 4",Cambria,Georgia,"DejaVu Serif",serif;
--sans:Inter,"Source Sans 3",system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;
--mono:"SF Mono",Consolas,"DejaVu Sans Mono",monospace;color-scheme:light}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--panel:#1b1f24;--ink:#e8e6e1;--soft:#9aa1aa;--line:#31363d;--grid:#262b31;
--blue:#5fb2ea;--red:#ff9257;--green:#45c79e;--orange:#e5b04a;--sky:#93d0f5;--purple:#d893c2;--grey:#9aa1aa;
--real:#45c79e;--replayed:#5fb2ea;--synthetic:#d893c2;color-scheme:dark}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 var(--sans);font-variant-numeric:tabular-nums lining-nums}
main,header.page,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header.page{padding-top:28px;display:flex;gap:16px;align-items:baseline;flex-wrap:wrap;color:var(--soft);font-size:13px}
header.page b{font:600 17px var(--serif);color:var(--ink);letter-spacing:.01em}
header.page .actions{margin-left:auto;display:flex;gap:8px}
button{font:inherit;font-size:13px;color:var(--ink);background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:4px 10px;cursor:pointer}
button:hover{border-color:var(--soft)}
button:focus-visible,summary:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
nav{position:sticky;top:0;z-index:5;background:var(--paper);border-bottom:1px solid var(--line);margin-top:12px}
nav div{max-width:1120px;margin:0 auto;padding:6px 24px;display:flex;gap:6px;overflow-x:auto}
nav button{white-space:nowrap;border-color:transparent;background:none}
nav button[aria-selected=true]{background:var(--panel);border-color:var(--line);font-weight:600}
h1{font:600 30px/1.2 var(--serif);margin:14px 0 8px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font:600 20px/1.3 var(--serif);margin:44px 0 12px;padding-top:14px;border-top:1px solid var(--line)}
h3{font:600 14px/1.4 var(--sans);margin:22px 0 6px}
p{margin:6px 0 12px;max-width:72ch}
.note,small,.unit,.empty{color:var(--soft);font-size:13px}
.run>header{padding-top:18px}
.badges{display:flex;gap:10px;flex-wrap:wrap;align-items:center}
.badge{font:700 13px/1 var(--sans);letter-spacing:.09em;padding:8px 12px;border-radius:6px;border:2px solid currentColor}
.badge.real{color:var(--real)}.badge.replayed{color:var(--replayed)}.badge.synthetic{color:var(--synthetic)}
.badge.mode{color:var(--soft);border:1px solid var(--line);font-weight:600}
.badge.mode.live{color:var(--red);border:2px solid currentColor}
.verdict{font:400 19px/1.5 var(--serif);max-width:64ch;margin:14px 0}
.facts{color:var(--soft);font-size:14px}
.warn{border-left:4px solid var(--red);padding:8px 14px;background:var(--panel);margin:12px 0}
.key{display:grid;grid-template-columns:repeat(auto-fill,minmax(208px,1fr));background:var(--panel);border:1px solid var(--line);border-radius:8px;overflow:hidden;margin:16px 0}
.key>div{padding:13px 15px;box-shadow:0 0 0 .5px var(--line)}
.key dt{color:var(--soft);font-size:13px}
.key dd{margin:2px 0 0;font:500 22px/1.25 var(--sans);letter-spacing:-.01em}
.key small{display:block;font-size:12.5px;line-height:1.4;margin-top:3px}
.key .sharpe{grid-column:span 2}
.gain .figure,.positive{color:var(--blue)}.loss .figure,.negative{color:var(--red)}
figure{margin:18px 0 8px;break-inside:avoid}
figcaption{font-size:14px;display:flex;gap:4px 12px;flex-wrap:wrap;align-items:baseline;margin-bottom:6px}
.legend{display:flex;gap:2px 14px;flex-wrap:wrap;font-size:12.5px;color:var(--soft);margin-left:auto}
.legend span{display:inline-flex;gap:5px;align-items:center}
.legend i{width:12px;height:3px;border-radius:1px}
.frame{display:flex}
.y{position:relative;width:64px;flex:none;font-size:11.5px;color:var(--soft)}
.y span{position:absolute;right:8px;transform:translateY(-50%);white-space:nowrap}
.plot{position:relative;flex:1;min-width:0;border-bottom:1px solid var(--soft);overflow:hidden;touch-action:pan-y;cursor:crosshair;user-select:none}
.plot>i{position:absolute;left:0;right:0;border-top:1px solid var(--grid)}
.plot>i.zero{border-color:var(--soft)}
.plot>b{position:absolute;top:0;bottom:0;border-left:1px solid var(--grid)}
.plot svg{position:absolute;inset:0;width:100%;height:100%;display:block}
.plot .over{overflow:visible;pointer-events:none}
.line{fill:none;stroke-width:1.5;vector-effect:non-scaling-stroke;stroke-linejoin:round;stroke-linecap:round}
.band{opacity:.2;stroke:none}.area{opacity:.18;stroke:none}
.event{stroke:var(--red);stroke-width:1.25;stroke-dasharray:4 3}
.up{fill:var(--blue);stroke:var(--panel);stroke-width:.75}.down{fill:var(--red);stroke:var(--panel);stroke-width:.75}
.x{position:relative;height:20px;margin-left:64px;font-size:11.5px;color:var(--soft)}
.x span{position:absolute;top:3px;transform:translateX(-50%);white-space:nowrap}
.bare{margin-bottom:-8px}.bare .x{visibility:hidden;height:6px}
.cursor{position:absolute;top:0;bottom:0;width:0;border-left:1px solid var(--ink);opacity:.55;pointer-events:none;display:none}
.chosen{position:absolute;top:0;bottom:0;background:var(--blue);opacity:.14;pointer-events:none}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--panel);border:1px solid var(--line);border-radius:6px;box-shadow:0 4px 18px rgba(0,0,0,.14);padding:7px 10px;font-size:12.5px;line-height:1.45;display:none;max-width:280px}
#tip table{font-size:12.5px;margin:2px 0 0;width:auto}#tip td{border:0;padding:0 0 0 12px;text-align:right}#tip td:first-child{padding:0;text-align:left;color:var(--soft)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(224px,1fr));gap:6px 28px}
.bars{position:relative;height:96px;border-bottom:1px solid var(--soft)}
.bars svg{position:absolute;inset:0;width:100%;height:100%}
.bars rect{fill:var(--blue);opacity:.72}.bars rect:hover{opacity:1}
.quantile{position:absolute;top:0;bottom:0;border-left:1.5px solid var(--ink);z-index:1}
.quantile.p95{border-left-style:dashed}.quantile.zero{border-color:var(--soft);border-left-width:1px;border-left-style:dotted}
.ends{display:flex;justify-content:space-between;font-size:11.5px;color:var(--soft);gap:8px;margin-top:2px}
.quantiles{display:grid;grid-template-columns:repeat(2,1fr);gap:2px 12px;margin:8px 0 0;font-size:12.5px}
.quantiles div{display:flex;justify-content:space-between;gap:6px;border-bottom:1px solid var(--grid)}
.quantiles dt{color:var(--soft)}.quantiles dd{margin:0;white-space:nowrap}
.wide{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse;width:100%;font-size:13.5px}
caption{text-align:left;font:600 14px/1.4 var(--sans);padding:10px 0 4px}
th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--grid);text-align:left;vertical-align:baseline}
th{font-weight:500}thead th{color:var(--soft);font-size:12.5px;border-bottom:1px solid var(--line)}
td:last-child,th:last-child{padding-right:0}
.figure{text-align:right;white-space:nowrap}
.hash{font-family:var(--mono);font-size:12px;overflow-wrap:anywhere;word-break:break-all}
.wide td,.wide th{white-space:nowrap}
.wide td.prose{white-space:normal;min-width:220px}
tfoot td,tfoot th{font-weight:600;border-top:1px solid var(--soft);border-bottom:0}
.waterfall th{width:230px}.waterfall th small{display:block;font-weight:400;line-height:1.35}
.track{width:46%}.track div{position:relative;height:16px}
.waterfall .track i{position:absolute;top:1px;bottom:1px;border-radius:2px}
.track i.gain{background:var(--blue)}.track i.loss{background:var(--red)}.track i.total{background:var(--grey);opacity:.55}
.waterfall tr.total th,.waterfall tr.total td{font-weight:600}
.spans .track{min-width:180px;text-align:center}
.axis::before{content:"";position:absolute;left:50%;top:-5px;bottom:-5px;border-left:1px solid var(--soft)}
.half{position:absolute;top:5px;bottom:5px;opacity:.35;border-radius:2px}
.dot{position:absolute;top:3px;width:10px;height:10px;margin-left:-5px;border-radius:50%;border:1.5px solid var(--panel)}
.timeline{list-style:none;padding:0;margin:8px 0;border-left:2px solid var(--line)}
.timeline li{position:relative;padding:4px 0 10px 18px}
.timeline li::before{content:"";position:absolute;left:-6px;top:10px;width:10px;height:10px;border-radius:50%;background:var(--red)}
.timeline time{color:var(--soft);font-size:12.5px}
details{margin:10px 0}summary{cursor:pointer;color:var(--soft);font-size:13.5px}
ul.prose{padding-left:0;list-style:none;max-width:76ch}
ul.prose li{margin:8px 0;display:grid;grid-template-columns:110px 1fr;gap:12px}
ul.prose b{font-weight:500;color:var(--soft);font-size:13.5px}
footer{color:var(--soft);font-size:12.5px;padding-top:40px;padding-bottom:48px}
@media (max-width:640px){
main,header.page,footer{padding-left:16px;padding-right:16px}nav div{padding:6px 16px}
h1{font-size:24px}.verdict{font-size:17px}.key{grid-template-columns:1fr 1fr}.key dd{font-size:18px}
.y{width:52px;font-size:10.5px}.x{margin-left:52px;font-size:10.5px}.x .odd{display:none}
.legend{margin-left:0}.waterfall th{width:auto}.waterfall th small{display:none}.track{width:32%}
ul.prose li{grid-template-columns:1fr;gap:0}.spans .track{min-width:110px}}
@media print{
@page{size:A4;margin:14mm 13mm}
:root{--paper:#fff;--panel:#fff;--ink:#111;--soft:#555;--line:#ccc;--grid:#e6e6e6;--blue:#0067a5;--red:#c44f00;--green:#00835f;--orange:#b97a00;--sky:#2f8fc4;--purple:#9c4a86;--grey:#777;--real:#00694c;--replayed:#0067a5;--synthetic:#8a3f74;color-scheme:light}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
body{font-size:10.5pt}nav,.actions,#tip,.hint{display:none!important}
main,header.page,footer{max-width:none;padding:0}
.run[hidden]{display:block!important}.run+.run{break-before:page}
h2{break-after:avoid;margin-top:22px}h3,caption,figcaption{break-after:avoid}
tr,.key>div,.timeline li,ul.prose li{break-inside:avoid}thead{display:table-header-group}
.wide{overflow:visible}.wide table{font-size:8.5pt}.wide th,.wide td{padding-right:6px}
.grid{grid-template-columns:repeat(2,1fr);gap:4px 28px}.grid>*,.waterfall,.group{break-inside:avoid}.group h2{margin-top:8px}.key{grid-template-columns:repeat(4,1fr)}.key dd{font-size:14pt}
.wide td{white-space:normal}.wide .figure{white-space:nowrap}}
`
