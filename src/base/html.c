/* Pages for a browser: one file each, no external request, dark and light, narrow and wide. */
#include "base/base.h"

static const char head[] = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                           "<meta name=\"color-scheme\" content=\"light dark\"><title>";

static const char style[] =
    "</title><style>"
    ":root{--bg:#fbfbfa;--card:#fff;--ink:#1c1e21;--dim:#646a73;--line:#dfe1e5;--accent:#2563b8;"
    "--good:#1a7f4b;--bad:#b3372b;--soft:#e8eef8}"
    "@media(prefers-color-scheme:dark){:root{--bg:#15171a;--card:#1d2024;--ink:#e8e9eb;"
    "--dim:#9aa1ab;--line:#33373d;--accent:#7fb0f5;--good:#5cc48d;--bad:#f0877b;--soft:#253247}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}main{max-width:1080px;margin:0 auto;padding:24px 16px}"
    "h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:0 0 10px}"
    ".sub{color:var(--dim);margin:0 0 20px;overflow-wrap:anywhere}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;"
    "margin:0 0 16px}.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fit,"
    "minmax(min(100%,440px),1fr))}.grid .card{margin:0}.grid{margin:0 0 16px}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}"
    "th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}th{color:var(--dim);font-weight:600}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}"
    ".dim{color:var(--dim)}.big{font-size:19px;font-weight:600}tr.pick td{background:var(--soft)}"
    "svg{display:block;width:100%;height:auto}svg text{fill:var(--dim);font-size:12px}"
    ".axis{stroke:var(--line)}.dot{fill:var(--dim)}.front{fill:var(--accent)}"
    ".ring{fill:none;stroke:var(--good);stroke-width:2.5}.bar{fill:var(--accent)}"
    ".limit{stroke:var(--bad);stroke-dasharray:5 4}"
    "ul{margin:0;padding-left:20px}</style></head><body><main>";
void eao_html_open(eao_text *t, const char *title) {
  eao_text_add(t, head, sizeof head - 1);
  eao_text_html(t, title);
  eao_text_add(t, style, sizeof style - 1);
}

void eao_html_close(eao_text *t) {
  eao_text_printf(t, "</main></body></html>\n");
}

void eao_text_html(eao_text *t, const char *s) {
  for (; s && *s; s++) {
    switch (*s) {
    case '<': eao_text_printf(t, "&lt;"); break;
    case '>': eao_text_printf(t, "&gt;"); break;
    case '&': eao_text_printf(t, "&amp;"); break;
    case '"': eao_text_printf(t, "&quot;"); break;
    default: eao_text_add(t, (unsigned char)*s < 32 || *s == 127 ? "?" : s, 1);
    }
  }
}
