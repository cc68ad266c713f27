/* The table of all series. Only the rows that are in view exist, so that thousands scroll, sort and
 * filter at once. */

const ROW = 30;
const tableBox = document.getElementById('rows');
const space = make('div', 'space');
const filled = make('div', 'filled');
const says = document.getElementById('rows-count');
let order = [];

const COLUMNS = [
	{ key: 'name', title: 'series', of: (row) => data.name[row].toLowerCase(), up: true },
	{ key: 'f', title: 'family', of: (row) => data.families[data.family[row]], up: true },
	{ key: 'r', title: 'r', of: (row) => data.r[row] },
	{ key: 'q', title: 'q', of: (row) => data.q[row] ?? 2, up: true },
	{ key: 'lag', title: 'lead', of: (row) => data.lag[row] },
	{ key: 'share', title: 'share', of: (row) => data.r[row] * data.r[row] },
	{ key: 'course', title: 'course' },
];

function arrange() {
	const column = COLUMNS.find((c) => c.key === state.o && c.of);
	const wanted = state.q.toLowerCase();
	order = [];
	for (let row = 0; count > row; row++) {
		if (!shown(row) || (state.found && !is(row, FOUND))) continue;
		if (wanted && !data.name[row].toLowerCase().includes(wanted)) continue;
		order.push(row);
	}
	/* rows come with found ones first, the strongest at the top; sorting keeps that of equals */
	const down = column && (state.d === 'down') !== !column.up ? -1 : 1;
	if (column) {
		const keys = data.name.map((_, row) => column.of(row));
		order.sort((a, b) => (keys[a] > keys[b] ? down : keys[b] > keys[a] ? -down : 0));
	}
	says.textContent = order.length.toLocaleString('en') + ' of ' + count.toLocaleString('en');
	space.style.height = order.length * ROW + 'px';
	document.querySelectorAll('#head [role="columnheader"]').forEach((h) => {
		if (!column || h.dataset.key !== column.key) h.removeAttribute('aria-sort');
		else h.setAttribute('aria-sort', down > 0 ? 'ascending' : 'descending');
	});
}

function cells(row) {
	const mark = (is(row, DOUBTFUL) ? '? ' : '') + (is(row, MECHANICAL) ? '= ' : '');
	const whole = data.name[row];
	const end = Math.max(0, whole.length - 12);
	/* cut in the middle: names that begin alike differ at their end */
	const name = make('span', 'c-name', make('span', 'start', mark + whole.slice(0, end)),
		make('span', 'rest', whole.slice(end)));
	name.title = data.name[row];
	const r = make('span', 'c-r', rText(row) + ' ', make('span', 'ci', interval(row)));
	return [name, make('span', 'c-f', data.families[data.family[row]]), r,
		make('span', 'c-q', probability(data.q[row])), make('span', 'c-lag', lead(row)),
		make('span', 'c-share', share(row)),
		make('span', 'c-course', courseLine(data.course[row], 120, 22))];
}

function fill() {
	const from = Math.max(0, Math.floor(tableBox.scrollTop / ROW) - 6);
	const to = Math.min(order.length, from + Math.ceil(tableBox.clientHeight / ROW) + 12);
	const rows = [];
	for (let i = from; to > i; i++) {
		const row = order[i];
		const line = make('div', is(row, FOUND) ? 'row found' : 'row', ...cells(row));
		line.setAttribute('role', 'row');
		line.setAttribute('aria-selected', String(row === selected()));
		line.addEventListener('click', () => select(row));
		rows.push(line);
	}
	filled.style.transform = 'translateY(' + from * ROW + 'px)';
	filled.replaceChildren(...rows);
}

function showRow() {
	const at = order.indexOf(selected());
	if (0 > at) return;
	if (tableBox.scrollTop > at * ROW) tableBox.scrollTop = at * ROW;
	else if ((at + 1) * ROW > tableBox.scrollTop + tableBox.clientHeight)
		tableBox.scrollTop = (at + 1) * ROW - tableBox.clientHeight;
}

function buildHead() {
	const head = document.getElementById('head');
	COLUMNS.forEach((column) => {
		const cell = make('span', 'c-' + column.key);
		cell.setAttribute('role', 'columnheader');
		cell.dataset.key = column.key;
		if (column.of) {
			const b = make('button', '', column.title);
			b.type = 'button';
			b.addEventListener('click', () => change({ o: column.key,
				d: state.o === column.key && state.d !== 'down' ? 'down' : '' }));
			cell.append(b);
		} else cell.append(column.title);
		head.append(cell);
	});
}

function buildFilters() {
	const families = document.getElementById('family');
	data.families.forEach((name, i) => {
		const option = make('option', '', name || 'without a family');
		option.value = String(i);
		families.append(option);
	});
	families.addEventListener('change', () => change({ f: families.value }));
	const search = document.getElementById('search');
	search.addEventListener('input', () => change({ q: search.value }));
	const found = document.getElementById('found');
	found.addEventListener('change', () => change({ found: found.checked ? '1' : '' }));
	listeners.push(() => {
		families.value = state.f;
		if (search.value !== state.q) search.value = state.q;
		found.checked = state.found !== '';
	});
}

function showAll(what) {
	if (!what || ['f', 'q', 'o', 'd', 'found'].some((key) => key in what)) {
		arrange();
		tableBox.scrollTop = 0;
	}
	showRow();
	fill();
	drawMap();
	showChosen();
	showView();
}

readState();
buildHead();
buildFilters();
buildViews();
buildMap();
space.append(filled);
tableBox.append(space);
tableBox.addEventListener('scroll', fill, { passive: true });
new ResizeObserver(fill).observe(tableBox);
tableBox.addEventListener('keydown', (event) => {
	const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	const next = order[order.indexOf(selected()) + by];
	if (next === undefined) return;
	event.preventDefault();
	select(next);
});
document.querySelectorAll('.onsets tr[data-series]').forEach((e) => {
	const row = rowOf.get(Number(e.dataset.series));
	if (row !== undefined) e.addEventListener('click', () => select(row));
});
listeners.push(showAll);
window.addEventListener('hashchange', () => {
	readState();
	listeners.forEach((listener) => listener());
});
listeners.forEach((listener) => listener());
