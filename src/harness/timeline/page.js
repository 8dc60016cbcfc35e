'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId('filters');
  const entries = [...document.querySelectorAll('.entry')].map((element) => ({
    element,
    kind: element.dataset.kind,
    servers: element.dataset.servers,
    isFaulty: element.classList.contains('faulty'),
    text: null,
  }));
  const textOf = (entry) => {
    if (entry.text === null) entry.text = entry.element.textContent.toLowerCase();
    return entry.text;
  };
  const apply = () => {
    const words = byId('text').value.toLowerCase().split(/\s+/).filter(Boolean);
    const server = byId('server').value;
    const kinds = new Set([...form.querySelectorAll('[name=kind]:checked')].map((box) => box.value));
    const onlyFaulty = byId('faulty').checked;
    const fits = (entry) => {
      if (!kinds.has(entry.kind)) return false;
      if (onlyFaulty) { if (!entry.isFaulty) return false; }
      if (server) { if (!entry.servers.includes(` ${server} `)) return false; }
      return words.every((word) => textOf(entry).includes(word));
    };
    let shown = 0;
    for (const entry of entries) {
      const isShown = fits(entry);
      entry.element.classList.toggle('hidden', !isShown);
      if (isShown) shown += 1;
    }
    byId('shown').textContent = `${shown} shown`;
  };
  const setAll = (open) => {
    for (const { element } of entries) {
      if (element.tagName === 'DETAILS') { if (!element.classList.contains('hidden')) element.open = open; }
    }
  };
  let waiting = 0;
  form.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 60);
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  byId('open').addEventListener('click', () => setAll(true));
  byId('close').addEventListener('click', () => setAll(false));
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/') return;
    if (event.target.tagName === 'INPUT') return;
    event.preventDefault();
    byId('text').focus();
  });
  form.hidden = false;
  apply();
})();
