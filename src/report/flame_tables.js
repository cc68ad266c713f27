/* The tables and the source beside the flame graph; and the first drawing of all of it. */

/* ---- the tables ---- */

const ids = frameIds();
let lineIds = null;
let lineKeys = [];

function numberLines() {
	const seen = new Map();
	lineIds = new Int32Array(N).fill(-1);
	for (let i = 1; i < N; i++) {
		if (ids[i] === -1 || !line[i]) continue;
		const key = fn[i] + ':' + line[i];
		if (!seen.has(key)) {
			seen.set(key, lineKeys.length);
			lineKeys.push({ fn: fn[i], line: line[i] });
		}
		lineIds[i] = seen.get(key);
	}
}

/* Rows of the table that is chosen: of functions or of lines. */
function tableRows() {
	if (state.table === 'lines' && !DIFF) {
		if (!lineIds) numberLines();
		const t = tally(lineIds, lineKeys.length, state.clock);
		return lineKeys.map((k, i) => ({ fn: k.fn, line: k.line, self: t.self[i], total: t.total[i] }));
	}
	if (!DIFF) {
		const t = tally(ids, functions.name.length, state.clock);
		return functions.name.map((name, f) => ({ fn: f, line: 0, self: t.self[f], total: t.total[f] }));
	}
	const a = tally(ids, functions.name.length, 'before');
	const b = tally(ids, functions.name.length, 'after');
	return functions.name.map((name, f) => ({
		fn: f, line: 0, before: a.self[f], self: b.self[f], total: b.total[f], change: b.self[f] - a.self[f],
	}));
}

const changes = new Map((data.changes || []).map((r) => [r.slice(0, 3).join('\n'), r.slice(3)]));

/* [more than noise, low, high] of its change, or nothing. */
function changeOf(f) {
	return changes.get([functions.kind[f], functions.name[f], data.files[functions.file[f]]].join('\n')) || [];
}

function isReal(f) {
	return changeOf(f)[0] === 1;
}

function changeRange(f) {
	const c = changeOf(f);
	return c.length > 1 ? '[' + points(c[1]) + ', ' + points(c[2]) + ']' : '';
}

/* Samples behind the shares of this clock: of another clock than wall, those that had any of it. */
function samplesOf() {
	const all = totalOf('samples')[0];
	const wall = totalOf('wall')[0];
	return state.clock === 'samples' || state.clock === 'wall' || !(wall > 0) ? all
		: all * totalOf(state.clock)[0] / wall;
}

function columns() {
	const all = totalOf(state.clock)[0] || 1;
	const n = DIFF ? 0 : samplesOf();
	const range = (r) => {
		const i = interval(r.self / all, Math.min(n, data.worth[state.clock][r.fn] || n));
		return '[' + [i[0], i[1]].map((s) => (100 * s).toFixed(i[1] < 0.0995 ? 1 : 0)).join(', ') + ']';
	};
	const name = { key: 'name', title: state.table === 'lines' ? 'line' : 'function', text: (r) => functions.name[r.fn],
		sort: (r) => functions.name[r.fn], left: true };
	const where = { key: 'where', title: 'where', text: (r) => placeOf(r.fn, r.line),
		sort: (r) => placeOf(r.fn, 0) + String(r.line).padStart(9, '0'), left: true, soft: true };
	if (DIFF) {
		return [
			{ key: 'before', title: 'before', text: (r) => percent(r.before / 1e9), sort: (r) => r.before },
			{ key: 'after', title: 'after', text: (r) => percent(r.self / 1e9), sort: (r) => r.self },
			{ key: 'self', title: 'change', text: (r) => points(r.change / 1e9) + (isReal(r.fn) ? ' *' : ''),
				sort: (r) => Math.abs(r.change), tint: (r) => (isReal(r.fn) ? (r.change > 0 ? 'grew' : 'shrank') : '') },
			{ key: 'range', title: '95 %', text: (r) => changeRange(r.fn), sort: (r) => Math.abs(r.change), soft: true },
			name, where];
	}
	return [
		{ key: 'self', title: 'self', text: (r) => percent(r.self / all), sort: (r) => r.self, bar: (r) => r.self / all },
		{ key: 'range', title: '95 %', text: range, sort: (r) => r.self, soft: true },
		{ key: 'time', title: state.clock === 'samples' ? 'samples' : 'time', text: (r) => weigh(r.self, state.clock),
			sort: (r) => r.self },
		{ key: 'total', title: 'total', text: (r) => percent(r.total / all), sort: (r) => r.total },
		name, where];
}

function showTable() {
	const list = columns();
	const by = list.find((c) => c.key === state.sort) || list[DIFF ? 2 : 0];
	const turn = state.up !== '' ? -1 : 1;
	let table = tableRows().filter((r) => r.self > 0 || r.total > 0 || r.before > 0);
	if (matches) table = table.filter((r) => matches[r.fn]);
	const keys = new Map(table.map((r) => [r, by.sort(r)]));
	table.sort((a, b) => {
		const x = keys.get(a);
		const y = keys.get(b);
		const order = typeof x === 'string' ? (x > y ? 1 : y > x ? -1 : 0) : y - x;
		return turn * order || b.total - a.total;
	});
	tableBox.replaceChildren(tableHead(), tableOf(list, by, table.slice(0, TABLE_ROWS)));
	if (table.length > TABLE_ROWS)
		tableBox.append(make('p', 'sub', 'The first ' + count(TABLE_ROWS) + ' of ' + count(table.length)
			+ '; the search narrows them.'));
}

function tableHead() {
	const head = make('h3', '', DIFF ? 'Functions, by their own share' : '');
	if (DIFF) return head;
	[['functions', 'Functions'], ['lines', 'Lines']].forEach((t) => {
		const b = button(t[1], 'a row for each of the ' + t[0], () => change({ table: t[0] }));
		b.setAttribute('aria-pressed', String(state.table === t[0]));
		head.append(b, ' ');
	});
	return head;
}

function tableOf(list, by, table) {
	const head = make('tr');
	const body = make('tbody');
	list.forEach((c) => {
		const th = make('th', c.left ? '' : 'num', button(c.title, 'sort by it', () => change({
			sort: c.key, up: state.sort === c.key && state.up === '' ? '1' : '',
		})));
		th.scope = 'col';
		if (c === by) {
			const falls = typeof (table.length ? c.sort(table[0]) : 0) !== 'string';
			th.setAttribute('aria-sort', falls === (state.up === '') ? 'descending' : 'ascending');
		}
		head.append(th);
	});
	table.forEach((r) => {
		const row = make('tr', Number(state.pick) === r.fn && state.pick !== '' ? 'picked' : '');
		list.forEach((c) => {
			const cell = make('td', (c.left ? 'left ' : 'num ') + (c.soft ? 'sub ' : '') + (c.tint ? c.tint(r) : ''));
			if (c.key === 'name') {
				const b = button('', 'show it in the graph, and its source', () => pickRow(r));
				b.append(...breakable(c.text(r)));
				cell.append(b);
			} else cell.append(...(c.left ? breakable(c.text(r), true) : [c.text(r)]));
			if (c.bar) cell.style.setProperty('--part', 100 * c.bar(r) + '%');
			if (c.bar) cell.classList.add('barred');
			row.append(cell);
		});
		body.append(row);
	});
	const table_ = make('table', '', make('thead', '', head), body);
	const wide = make('div', 'wide', table_);
	wide.tabIndex = 0;
	wide.setAttribute('role', 'region');
	wide.setAttribute('aria-label', 'table');
	return wide;
}

let wanted = 0; /* the line of source to be brought into sight */

function pickRow(r) {
	wanted = r.line;
	change({ pick: state.pick === String(r.fn) && !r.line ? '' : String(r.fn) });
}

/* ---- the source ---- */

/* Self and total of each line of a file. */
function lineWeights(file) {
	const at = new Map();
	const own = new Int32Array(N).fill(-1);
	for (let i = 1; i < N; i++) {
		if (ids[i] === -1 || functions.file[fn[i]] !== file || !line[i]) continue;
		if (!at.has(line[i])) at.set(line[i], at.size);
		own[i] = at.get(line[i]);
	}
	const t = tallyNow(own, at.size, state.clock);
	return (number) => {
		const k = at.get(number);
		return k === undefined ? { self: 0, total: 0 } : { self: t.self[k], total: t.total[k] };
	};
}

function defaultPick() {
	const t = tally(ids, functions.name.length, state.clock);
	const hasText = new Set((data.sources || []).map((s) => s.file));
	let best = -1;
	let most = 0;
	for (let f = 0; f < functions.name.length; f++) {
		const own = hasText.has(data.files[functions.file[f]]) && !functions.library[f] ? t.self[f] + 1e-3 * t.total[f] : 0;
		if (own > most) {
			most = own;
			best = f;
		}
	}
	return best;
}

function showSource() {
	if (DIFF) {
		sourceBox.hidden = true;
		below.classList.add('alone');
		return;
	}
	const f = state.pick === '' ? defaultPick() : Number(state.pick);
	sourceBox.replaceChildren();
	if (!(f >= 0 && functions.name.length > f) || functions.kind[f] !== KIND.python) {
		sourceBox.append(make('p', 'sub', f >= 0 && functions.name.length > f
			? functions.name[f] + ' has no lines of Python.'
			: 'Choose a function of the graph or the table to see its source.'));
		return;
	}
	const file = functions.file[f];
	const source = (data.sources || []).find((s) => s.file === data.files[file]);
	sourceBox.append(make('h3', '', data.briefs[file]));
	sourceBox.title = data.files[file];
	if (!source) {
		sourceBox.append(make('p', 'sub', 'The text of ' + data.files[file]
			+ ' is not in this report: it could not be read where the report was made, or was hardly seen.'));
		return;
	}
	drawSource(source, file, f);
}

function drawSource(source, file, f) {
	const all = totalOf(state.clock)[0] || 1;
	const weights = lineWeights(file);
	const text = source.text.split('\n');
	const body = make('tbody');
	let hottest = wanted;
	let most = 0;
	if (text.length && text[text.length - 1] === '') text.pop();
	text.forEach((t, k) => {
		const number = source.first + k;
		const w = weights(number);
		const cell = (value, name) => {
			const td = make('td', 'num ' + name, value > 0 ? percent(value / all) : '');
			if (value > 0) {
				td.classList.add('barred');
				td.style.setProperty('--part', 100 * value / all + '%');
			}
			return td;
		};
		const tr = make('tr', number === wanted ? 'picked' : '', cell(w.self, 'self'), cell(w.total, 'total'),
			make('td', 'num sub', String(number)), make('td', 'code', t === '' ? ' ' : t));
		tr.dataset.line = number;
		body.append(tr);
		if (!wanted && w.self > most && number >= functions.line[f]) {
			most = w.self;
			hottest = number;
		}
	});
	const head = make('tr', '', ...['self', 'total', '', ''].map((t) => make('th', 'num', t)));
	const wide = make('div', 'flame-text', make('table', '', make('thead', '', head), body));
	wide.tabIndex = 0;
	sourceBox.append(wide);
	const row = body.querySelector('[data-line="' + (hottest || functions.line[f]) + '"]');
	if (row) wide.scrollTop = Math.max(0, row.offsetTop - wide.clientHeight / 3);
}

/* ---- all of it ---- */

let made = '';

function update() {
	const tree = [state.clock, state.group, state.invert, state.lines, state.own].join();
	width = scroll.clientWidth;
	if (tree !== made || !root) {
		root = makeRoot();
		made = tree;
		picked = null;
	}
	zoomed = findZoom(root);
	search();
	if (state.order === 'time') lines = timeRows();
	else if (root.total > 0) layout();
	const tall = (state.order === 'time' ? lines.length : rows.length) * ROW;
	const most = Math.max(220, Math.round(window.innerHeight * 0.62));
	const low = state.view === 'flame' && scroll.scrollTop + scroll.clientHeight >= space.offsetHeight - ROW;
	scroll.style.height = Math.min(tall, most) + 'px';
	space.style.height = tall + 'px';
	if (low) scroll.scrollTop = tall;
	if (document.activeElement !== box) box.value = state.search;
	found.textContent = matchWords;
	selects.forEach((s) => s());
	pressers.forEach((p) => p());
	showCrumbs();
	say(state.order === 'time' ? null : about(picked || zoomed));
	showTable();
	showSource();
	wanted = 0;
	draw();
}

readState();
build();
readColours();
if (totalOf(data.clock)[0] > 0 || data.clocks.some((c) => totalOf(c)[0] > 0)) {
	if (!(totalOf(state.clock)[0] > 0)) state.clock = data.clocks.find((c) => totalOf(c)[0] > 0);
	listen();
	update();
} else {
	home.replaceChildren(make('h2', '', 'Nothing was seen'),
		make('p', 'sub', 'The profile holds no stack, so there is nothing to draw.'));
}
