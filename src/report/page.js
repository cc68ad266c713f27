(function () {
	'use strict';

	/* What a dot says: its title, moved to a tip that appears at once and on touch too. */
	const tip = document.getElementById('tip');
	let hot = [];

	function cool() {
		hot.forEach((e) => e.classList.remove('hot'));
		hot = [];
		tip.hidden = true;
	}

	function place(dot, text) {
		const box = dot.getBoundingClientRect();
		tip.textContent = text;
		tip.hidden = false;
		const width = tip.offsetWidth;
		const room = document.documentElement.clientWidth;
		const left = Math.max(8, Math.min(box.left + box.width / 2 - width / 2, room - width - 8));
		tip.style.left = left + window.scrollX + 'px';
		tip.style.top = box.top + window.scrollY - tip.offsetHeight - 7 + 'px';
	}

	document.querySelectorAll('svg.plot').forEach((plot) => {
		const dots = Array.from(plot.querySelectorAll('.d'), (e) => {
			const title = e.querySelector('title');
			const text = title.textContent;
			title.remove();
			return { e, text };
		});

		plot.addEventListener('pointermove', (event) => {
			let best = null;
			let nearest = 18 * 18;
			dots.forEach((dot) => {
				const box = dot.e.getBoundingClientRect();
				const dx = box.left + box.width / 2 - event.clientX;
				const dy = box.top + box.height / 2 - event.clientY;
				if (nearest > dx * dx + dy * dy) {
					nearest = dx * dx + dy * dy;
					best = dot;
				}
			});
			cool();
			if (best === null) return;
			const same = best.e.hasAttribute('data-i')
				? document.querySelectorAll('[data-i="' + best.e.getAttribute('data-i') + '"]')
				: [best.e];
			hot = Array.from(same);
			hot.forEach((e) => e.classList.add('hot'));
			place(best.e, best.text);
		});
		plot.addEventListener('pointerleave', cool);
	});

	/* A click on a column's title sorts by it, a second one the other way round; empty cells last. */
	function value(row, column) {
		const text = row.cells[column].textContent;
		const number = parseFloat(text.replace(/,/g, '').replace('−', '-'));
		return Number.isFinite(number) ? number : text;
	}

	function compare(a, b) {
		if (typeof a === typeof b) return a > b ? 1 : b > a ? -1 : 0;
		return typeof a === 'number' ? -1 : 1;
	}

	document.querySelectorAll('table.trials').forEach((table) => {
		const body = table.tBodies[0];
		const heads = Array.from(table.tHead.rows[0].cells);

		heads.forEach((head, column) => {
			const button = document.createElement('button');
			button.type = 'button';
			button.append(...head.childNodes);
			head.append(button);
			button.addEventListener('click', () => {
				const down = head.getAttribute('aria-sort') === 'ascending';
				const rows = Array.from(body.rows, (row) => ({ row, key: value(row, column) }));
				const filled = rows.filter((r) => r.key !== '');
				const empty = rows.filter((r) => r.key === '');
				filled.sort((a, b) => (down ? compare(b.key, a.key) : compare(a.key, b.key)));
				heads.forEach((h) => h.removeAttribute('aria-sort'));
				head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
				body.append(...filled.concat(empty).map((r) => r.row));
			});
		});
	});
})();
