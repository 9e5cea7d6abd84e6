'use strict';
(() => {
  const form = document.getElementById('filters');
  if (!form) return;
  const rows = [...document.querySelectorAll('.row')];
  const told = document.getElementById('told');

  function fits(copy, wanted) {
    const { method, mirrored, distance } = copy.dataset;
    if (wanted.method && method !== wanted.method) return false;
    if (wanted.mirrored && mirrored !== wanted.mirrored) return false;
    if (wanted.low === '' && wanted.high === '') return true;
    if (distance === undefined) return false;
    const low = wanted.low === '' ? -Infinity : Number(wanted.low);
    const high = wanted.high === '' ? Infinity : Number(wanted.high);
    return Number(distance) >= low && Number(distance) <= high;
  }

  function update() {
    const wanted = Object.fromEntries(new FormData(form));
    let left = 0, shown = 0, all = 0;
    for (const row of rows) {
      const copies = [...row.querySelectorAll('.copy')];
      const here = !wanted.level || row.dataset.level === wanted.level;
      let fitting = 0;
      for (const copy of copies) {
        const fit = here && fits(copy, wanted);
        copy.hidden = !fit;
        if (fit) fitting += 1;
      }
      row.hidden = fitting === 0;
      left += row.hidden ? 0 : 1;
      shown += fitting;
      all += copies.length;
    }
    for (const section of document.querySelectorAll('section')) {
      const inside = [...section.querySelectorAll('.row')];
      section.hidden = inside.length > 0 && inside.every((row) => row.hidden);
    }
    told.value = `${left} of ${rows.length} rows, ${shown} of ${all} pictures`;
  }

  // What is asked for stands behind the # of the address, so that a view can be kept.
  function recall() {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      const field = form.elements.namedItem(name);
      if (field && 'value' in field) field.value = value;
    }
    update();
  }

  function keep() {
    const asked = [...new FormData(form)].filter(([, value]) => value !== '');
    history.replaceState(null, '', '#' + new URLSearchParams(asked));
    update();
  }

  form.addEventListener('input', keep);
  form.addEventListener('reset', () => setTimeout(keep));
  window.addEventListener('hashchange', recall);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.hidden = false;
  recall();
})();
