/* The map of all series: r against −log10 q, on a canvas, for there may be thousands. Its scale of
 * q is a square root's, so that what is at the edge of chance and what is far beyond it are both
 * seen. Beside it, what is known of the series that is chosen. */

const map = document.getElementById('map-canvas');
const mapTip = document.getElementById('tip');
const ink = map.getContext('2d');
const PAD = { left: 54, right: 14, top: 14, bottom: 34 };
const most = Math.max(3, -Math.log10(data.fdr) * 2, ...strength) * 1.04;
let hovered = -1;
let places = [];

const mapX = (r) => PAD.left + (r + 1) / 2 * (map.clientWidth - PAD.left - PAD.right);
const mapY = (value) => map.clientHeight - PAD.bottom
	- Math.sqrt(Math.max(0, value) / most) * (map.clientHeight - PAD.top - PAD.bottom);
const shown = (row) => state.f === '' || String(data.family[row]) === state.f;

function colours() {
	const style = getComputedStyle(document.documentElement);
	const of = (name) => style.getPropertyValue('--' + name).trim();
	return { ink: of('ink'), soft: of('soft'), rule: of('rule'), faint: of('faint'),
		blue: of('blue'), orange: of('orange'), grey: of('grey'), paper: of('paper') };
}

function mapAxes(c) {
	const right = map.clientWidth - PAD.right;
	const bottom = map.clientHeight - PAD.bottom;
	ink.lineWidth = 1;
	ink.fillStyle = c.soft;
	ink.textAlign = 'center';
	for (let k = -4; 4 >= k; k += 2) {
		const x = mapX(k / 4);
		ink.strokeStyle = k ? c.faint : c.rule;
		ink.beginPath();
		ink.moveTo(x, PAD.top);
		ink.lineTo(x, bottom);
		ink.stroke();
		ink.fillText(minus(String(k / 4)), x, bottom + 15);
	}
	ink.fillText('r', mapX(0), bottom + 29);
	ink.textAlign = 'right';
	let last = Infinity;
	[0, 2, 4, 8, 15, 30, 60, 100, 150, 200, 300].filter((v) => most >= v).forEach((v) => {
		const y = mapY(v);
		if (18 > last - y) return;
		last = y;
		ink.strokeStyle = v ? c.faint : c.rule;
		ink.beginPath();
		ink.moveTo(PAD.left, y);
		ink.lineTo(right, y);
		ink.stroke();
		ink.fillText(v ? '1e-' + v : 'q = 1', PAD.left - 6, y + 4);
	});
	const line = mapY(-Math.log10(data.fdr));
	ink.strokeStyle = c.orange;
	ink.setLineDash([2, 3]);
	ink.beginPath();
	ink.moveTo(PAD.left, line);
	ink.lineTo(right, line);
	ink.stroke();
	ink.setLineDash([]);
	ink.textAlign = 'left';
	ink.fillStyle = c.orange;
	ink.fillText('q = ' + data.fdr, PAD.left + 4, line - 4);
}

function mapDot(row, c) {
	const found = is(row, FOUND);
	const [x, y] = places[row];
	ink.globalAlpha = !shown(row) ? 0.12 : found ? 0.9 : 0.4;
	ink.fillStyle = is(row, DOUBTFUL) ? c.orange : found ? c.blue : c.grey;
	ink.strokeStyle = ink.fillStyle;
	ink.beginPath();
	ink.arc(x, y, found ? 4.2 : 2.6, 0, 2 * Math.PI);
	if (is(row, MECHANICAL)) {
		ink.lineWidth = 1.8;
		ink.stroke();
	} else ink.fill();
	ink.globalAlpha = 1;
}

/* Names of found ones, the strongest first, where none stands on another or on a dot of one. */
function mapNames(c) {
	const taken = [];
	const free = (box) => taken.every((t) => t[0] >= box[2] || box[0] >= t[2] || t[1] >= box[3]
		|| box[1] >= t[3]);
	ink.fillStyle = c.ink;
	for (let row = 0; count > row && 60 > row && 14 > taken.length; row++) {
		if (!is(row, FOUND) || !shown(row)) continue;
		const name = data.name[row];
		const text = name.length > 30 ? name.slice(0, 12) + '\u2026' + name.slice(-17) : name;
		const width = ink.measureText(text).width;
		const [x, y] = places[row];
		const left = x + 8 + width > map.clientWidth - 4;
		const from = left ? x - 8 - width : x + 8;
		const box = [from, y - 7, from + width, y + 7];
		if (PAD.left > from || !free(box)) continue;
		taken.push(box);
		ink.textAlign = 'left';
		ink.fillText(text, from, y + 4);
	}
}

function drawMap() {
	const ratio = window.devicePixelRatio || 1;
	const c = colours();
	map.width = Math.round(map.clientWidth * ratio);
	map.height = Math.round(map.clientHeight * ratio);
	ink.setTransform(ratio, 0, 0, ratio, 0, 0);
	ink.font = '12px ' + getComputedStyle(document.body).fontFamily;
	places = data.r.map((r, row) => [mapX(r ?? 0), mapY(strength[row])]);
	mapAxes(c);
	for (let row = count - 1; row >= 0; row--) mapDot(row, c);
	mapNames(c);
	[[selected(), c.ink], [hovered, c.soft]].forEach(([row, colour]) => {
		if (0 > row || row >= count) return;
		ink.strokeStyle = colour;
		ink.lineWidth = 2;
		ink.beginPath();
		ink.arc(places[row][0], places[row][1], 7.5, 0, 2 * Math.PI);
		ink.stroke();
	});
}

function nearest(event) {
	const box = map.getBoundingClientRect();
	const x = event.clientX - box.left;
	const y = event.clientY - box.top;
	let best = -1;
	let least = 20 * 20;
	for (let row = 0; count > row; row++) {
		if (!shown(row)) continue;
		const dx = places[row][0] - x;
		const dy = places[row][1] - y;
		if (least > dx * dx + dy * dy) {
			least = dx * dx + dy * dy;
			best = row;
		}
	}
	return best;
}

function hover(row) {
	if (row === hovered) return;
	hovered = row;
	drawMap();
	mapTip.hidden = 0 > row;
	if (0 > row) return;
	mapTip.textContent = data.name[row] + ': r ' + rText(row) + ' ' + interval(row) + ', q '
		+ probability(data.q[row]);
	const box = map.getBoundingClientRect();
	const room = document.documentElement.clientWidth;
	const left = box.left + places[row][0] - mapTip.offsetWidth / 2;
	mapTip.style.left = Math.max(8, Math.min(left, room - mapTip.offsetWidth - 8))
		+ window.scrollX + 'px';
	mapTip.style.top = box.top + places[row][1] + window.scrollY - mapTip.offsetHeight - 12 + 'px';
}

/* ---- the series that is chosen ---- */

const about = document.getElementById('about');

function fact(list, name, text) {
	if (text === '') return;
	list.append(make('div', '', make('dt', '', name), make('dd', '', text)));
}

function courseFigure(name, course) {
	const figure = make('figure', 'mini', make('figcaption', '', name), courseLine(course, 300, 46));
	figure.append(make('span', 'sub', short(course[1]) + ' to ' + short(course[2])));
	return figure;
}

function remarks(row) {
	const says = [];
	if (is(row, DOUBTFUL)) says.push('doubtful: --method robust does not find it');
	if (is(row, MECHANICAL)) says.push('a part of the target or made of it');
	if (!is(row, FOUND)) says.push('not told from chance');
	return says.join('; ');
}

function others(row) {
	const names = make('span', '');
	if (0 > data.group[row]) return '';
	data.group.forEach((group, other) => {
		if (group !== data.group[row] || other === row || names.childNodes.length > 16) return;
		if (names.childNodes.length) names.append(', ');
		const link = make('a', '', data.name[other]);
		link.href = '#s=' + data.series[other];
		link.addEventListener('click', (event) => {
			event.preventDefault();
			select(other);
		});
		names.append(link);
	});
	return names;
}

function showChosen() {
	const row = selected();
	const list = make('dl', 'facts');
	if (!count) return;
	fact(list, 'r', rText(row) + ' ' + interval(row));
	fact(list, 'q', probability(data.q[row]));
	fact(list, 'p', probability(data.p[row]));
	fact(list, 'explains', share(row));
	fact(list, data.lag[row] >= 0 ? 'leads by' : 'follows by', lead(row).replace('\u2212', ''));
	fact(list, 'steps compared', data.n[row].toLocaleString('en') + ', worth '
		+ (data.n_eff[row] ?? 0).toLocaleString('en'));
	fact(list, 'family', data.families[data.family[row]]);
	fact(list, 'one group with', others(row));
	fact(list, 'note', remarks(row));
	about.replaceChildren(make('h3', '', data.name[row]), list);
	if (data.course[row] && data.target_course)
		about.append(courseFigure(data.target, data.target_course),
			courseFigure(data.name[row], data.course[row]));
	else about.append(make('p', 'sub', 'Its course is not kept: it was not found.'));
	document.querySelectorAll('.detail').forEach((e) => {
		e.hidden = e.dataset.series !== state.s;
	});
	document.querySelectorAll('figure.course').forEach((e) => {
		e.classList.toggle('chosen', e.dataset.series === state.s);
	});
}

/* ---- values, changes, or both ---- */

function showView() {
	const courses = document.getElementById('courses');
	if (!courses) return;
	courses.dataset.view = state.view;
	document.querySelectorAll('#views button').forEach((b) => {
		b.setAttribute('aria-pressed', String(b.value === state.view));
	});
}

function buildViews() {
	const courses = document.getElementById('courses');
	if (!courses) return;
	const bar = make('p', 'switch');
	bar.id = 'views';
	[['', 'both'], ['values', 'values'], ['changes', 'changes']].forEach(([value, text]) => {
		const b = make('button', '', text);
		b.type = 'button';
		b.value = value;
		b.addEventListener('click', () => change({ view: value }));
		bar.append(b);
	});
	courses.before(bar);
	courses.querySelectorAll('figure.course').forEach((figure) => {
		const row = rowOf.get(Number(figure.dataset.series));
		if (row !== undefined) figure.addEventListener('click', () => select(row));
	});
}

function buildMap() {
	map.addEventListener('pointermove', (event) => hover(nearest(event)));
	map.addEventListener('pointerleave', () => hover(-1));
	map.addEventListener('click', (event) => {
		const row = nearest(event);
		if (row >= 0) select(row);
	});
	map.addEventListener('keydown', (event) => {
		const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
		const next = selected() + by;
		if (!by || 0 > next || next >= count) return;
		event.preventDefault();
		select(next);
	});
	new ResizeObserver(drawMap).observe(map);
	window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawMap);
}
