// Every table of two rows or more gets buttons in its head that sort it. Without scripts the page is whole.
"use strict";
(() => {
  const units = { ms: 1e-3, s: 1, KB: 1 / 1024, MB: 1, GB: 1024 };
  const number = /^([-−+]?)[<>≤≥~±]?\s*(\d[\d,]*\.?\d*|\.\d+)\s*(ms|s|KB|MB|GB)?(?![A-Za-z])/;
  const words = new Intl.Collator(document.documentElement.lang, { numeric: true });

  // What a cell sorts by: a number (that of "0.91 [0.85, 0.95]" is 0.91), its text, or null for nothing there.
  const key = (cell, numeric) => {
    const text = cell.textContent.trim();
    if (text === "" || text === "–") return null;
    if (!numeric) return text;
    const parts = number.exec(text);
    if (!parts) return null;
    const size = Number(parts[2].replaceAll(",", "")) * (units[parts[3]] ?? 1);
    return parts[1] === "-" || parts[1] === "−" ? -size : size;
  };

  const sort = (table, head, column) => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    const numeric = head.classList.contains("number");
    const sign = descending ? -1 : 1;
    const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[column], numeric), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // nothing comes last both ways
      return sign * (numeric ? a - b : words.compare(a, b));
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };

  for (const table of document.querySelectorAll(".scroll > table")) {
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  }
})();
