"use strict";
// Sorts, filters and saves. Without it the page still shows everything.
(() => {
  const sortAndFilter = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    const most = 12; // different values that are still worth a choice

    const text = (row, column) => row.cells[column].textContent.trim();
    const isFigure = (column) => heads[column].classList.contains("figure");

    // Figures by their exact value, words by the alphabet; what has no figure comes last.
    const compare = (column, sign) => (a, b) => {
      if (!isFigure(column)) return sign * text(a, column).localeCompare(text(b, column));
      const [x, y] = [a, b].map((row) => row.cells[column].dataset.value);
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return sign * (Number(x) - Number(y));
    };

    const sort = (column) => {
      const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
      body.append(...rows.sort(compare(column, ascending ? 1 : -1)));
    };

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(column));
      head.replaceChildren(button);
    });

    const search = document.getElementById("search");
    const count = document.getElementById("count");
    const choices = [];

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const all = row.textContent.toLowerCase();
        const chosen = choices.every(([column, choice]) =>
          choice.value === "" || text(row, column) === choice.value);
        row.hidden = !(chosen && words.every((word) => all.includes(word)));
      }
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = `${shown} of ${rows.length} cells`;
    };

    heads.forEach((head, column) => {
      const values = [...new Set(rows.map((row) => text(row, column)))].sort();
      if (isFigure(column) || values.length < 2 || values.length > most) return;
      const label = document.createElement("label");
      const choice = document.createElement("select");
      choice.append(new Option("all", ""), ...values.filter(Boolean).map((value) => new Option(value)));
      choice.addEventListener("change", filter);
      label.append(`${head.textContent} `, choice);
      document.getElementById("choices").append(label);
      choices.push([column, choice]);
    });
    search.addEventListener("input", filter);

    filter();
  };

  const run = JSON.parse(document.getElementById("record").textContent);
  const files = {
    record: ["json", "application/json", () => JSON.stringify(run, null, 1) + "\n"],
    csv: ["csv", "text/csv", () => JSON.parse(document.getElementById("csv").textContent)],
  };

  const save = (name) => {
    const [ending, type, content] = files[name];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content()], { type }));
    link.download = `waybill-${run.head.run_id}.${ending}`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  for (const button of document.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => save(button.dataset.download));
  }

  const cells = document.getElementById("cells-table");
  if (cells) sortAndFilter(cells); // a run without cost has no cells
  document.getElementById("controls").hidden = false;
})();
