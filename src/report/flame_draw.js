/* Drawing the flame graph: colours, boxes, the order of time, what is under the pointer. */

/* ---- colours: of the page's style, light or dark ---- */

let paint = {};

function readColours() {
	const style = getComputedStyle(home);
	paint = {};
	mixed.clear();
	['own', 'library', 'native', 'plain', 'same', 'grew', 'shrank', 'match'].forEach((name) => {
		const part = style.getPropertyValue('--flame-' + name).trim().split(/\s+/).map(Number);
		paint[name] = part;
	});
	['text', 'edge', 'rest'].forEach((name) => {
		paint[name] = style.getPropertyValue('--flame-' + name).trim();
	});
	paint.font = '12px ' + (style.getPropertyValue('--sans').trim() || 'sans-serif');
	document.querySelectorAll('.flame-key').forEach((k) => {
		k.style.background = colour(k.dataset.colour, 0);
	});
}

const mixed = new Map();

function colour(name, shift) {
	const key = name + shift;
	if (!mixed.has(key)) {
		const c = paint[name];
		mixed.set(key, 'hsl(' + c[0] + ' ' + c[1] + '% ' + (c[2] + shift) + '%)');
	}
	return mixed.get(key);
}

const shifts = functions.name.map((name) => {
	let h = 0;
	for (let i = 0; i < name.length; i++) h = (h * 31 + name.charCodeAt(i)) | 0;
	return ((h >>> 3) % 4) * 2.2 - 3.3;
});

function familyOf(f) {
	const kind = functions.kind[f];
	if (kind === KIND.native) return 'native';
	if (kind !== KIND.python) return 'plain';
	return functions.library[f] ? 'library' : 'own';
}

function sum(node, column) {
	const values = node.from ? nodes[column] : totalOf(column);
	return (node.from || node.raw).reduce((s, r) => s + values[r], 0);
}

/* Before and after; mark: more than noise, of its own (2) or of what is below (1). */
function difference(node) {
	if (!node.change) {
		const marks = nodes.mark;
		node.change = {
			before: sum(node, 'before') / 1e9,
			after: sum(node, 'after') / 1e9,
			mark: (node.from || node.raw).reduce((most, r) => Math.max(most, marks[r]), 0),
		};
	}
	return node.change;
}

function fillOf(node) {
	if (matches && matches[node.fn]) return colour('match', shifts[node.fn]);
	if (state.pick !== '' && Number(state.pick) === node.fn) return colour('match', shifts[node.fn]);
	if (!DIFF) return colour(familyOf(node.fn), shifts[node.fn]);
	if (!node.up) return colour('same', 0);
	const d = difference(node);
	if (data.timed && !d.mark) return colour('same', shifts[node.fn] / 2);
	const strength = Math.min(1, Math.sqrt(Math.abs(d.after - d.before) / 0.2));
	const from = paint.same;
	const to = paint[d.after > d.before ? 'grew' : 'shrank'];
	const part = 0.25 + 0.75 * strength;
	return 'hsl(' + to[0] + ' ' + to[1] * part + '% ' + (from[2] + (to[2] - from[2]) * part) + '%)';
}

/* ---- the layout: rows of boxes ---- */

let root = null;
let zoomed = null;
let rows = []; /* of { x, w, node }; node null: boxes too narrow to be drawn alone */
let width = 0;
let picked = null; /* the box that the arrows are at */

function layout() {
	const todo = [];
	rows = [];
	for (let n = zoomed; n; n = n.up) rows[n.depth] = [{ x: 0, w: width, node: n }];
	todo.push(rows[zoomed.depth][0]);
	while (todo.length) {
		const b = todo.pop();
		const scale = b.w / b.node.total;
		const depth = b.node.depth + 1;
		let x = b.x;
		let rest = 0;
		const list = kids(b.node);
		for (let i = 0; i < list.length; i++) {
			const w = list[i].total * scale;
			if (CULL > w) {
				for (; i < list.length; i++) rest += list[i].total * scale;
				break;
			}
			const next = { x, w, node: list[i] };
			(rows[depth] = rows[depth] || []).push(next);
			todo.push(next);
			x += w;
		}
		if (rest >= CULL) (rows[depth] = rows[depth] || []).push({ x, w: rest, node: null });
	}
	rows.forEach((row) => row.sort((a, b) => a.x - b.x));
}

/* ---- in time ---- */

let tracks = null;
let spanUs = 0;

function buildTracks() {
	const open = new Map();
	const gap = data.gap_us;
	let now = 0;

	threads.forEach((t) => open.set(t, { thread: t, rows: [], stack: [], starts: [], end: -1 }));
	const close = (track, depth, end) => {
		while (track.stack.length > depth) {
			const k = track.stack.length - 1;
			const row = track.rows[k] = track.rows[k] || { from: [], to: [], raw: [] };
			row.from.push(track.starts.pop());
			row.to.push(end);
			row.raw.push(track.stack.pop());
		}
	};
	for (let m = 0; m < moments.node.length; m++) {
		now += moments.after_us[m];
		const end = now + moments.length_us[m];
		const track = open.get(moments.thread[m]);
		if (!track) continue;
		if (track.end >= 0 && now - track.end > gap) close(track, 0, track.end);
		const path = [];
		for (let i = moments.node[m]; i && i !== track.thread; i = parent[i])
			if (isFrame(kindOf(i))) path.push(i);
		path.reverse();
		let same = 0;
		while (same < path.length && same < track.stack.length
			&& fn[path[same]] === fn[track.stack[same]]) same++;
		close(track, same, Math.max(now, track.end));
		for (let k = same; k < path.length; k++) {
			track.stack.push(path[k]);
			track.starts.push(now);
		}
		track.end = end;
		spanUs = Math.max(spanUs, end);
	}
	tracks = Array.from(open.values());
	tracks.forEach((track) => close(track, 0, track.end));
	tracks = tracks.filter((track) => track.rows.length);
}

/* Every row on the screen: the axis, then each thread's name and rows. */
function timeRows() {
	const list = [{ axis: true }];
	if (!tracks) buildTracks();
	tracks.forEach((track) => {
		list.push({ track });
		track.rows.forEach((row) => list.push({ track, row }));
	});
	return list;
}

function timeSpan() {
	const from = state.from === '' ? 0 : Math.max(0, Number(state.from) || 0);
	const to = state.to === '' ? spanUs : Math.min(spanUs, Number(state.to) || spanUs);
	return to > from ? [from, to] : [0, spanUs || 1];
}

/* The first box of a row that ends behind `at`. */
function firstBehind(row, at) {
	let low = 0;
	let high = row.to.length;
	while (high > low) {
		const middle = (low + high) >> 1;
		if (row.to[middle] > at) high = middle;
		else low = middle + 1;
	}
	return low;
}

/* ---- drawing ---- */

let lines = [];

/* As much of a text as there is room for. */
function fit(text, room) {
	if (room >= text.length * paint.letter * 1.7 || room >= ink.measureText(text).width) return text;
	let n = Math.min(text.length - 1, Math.ceil(room / paint.letter));
	while (n > 1 && ink.measureText(text.slice(0, n) + '\u2026').width > room) n--;
	return text.slice(0, n) + '\u2026';
}

function drawBox(x, y, w, fill, text, dim) {
	ink.globalAlpha = dim ? 0.45 : 1;
	ink.fillStyle = fill;
	ink.fillRect(x, y, Math.max(w - (w > 3 ? 1 : 0), 0.5), ROW - 1);
	if (w > 28) {
		ink.fillStyle = paint.text;
		ink.fillText(fit(text, w - 8), x + 4, y + 12.5);
	}
	ink.globalAlpha = 1;
}

function labelOf(node) {
	if (!node.up) return 'all ' + (DIFF ? 'of ' + state.clock : weigh(node.total, state.clock));
	return functions.name[node.fn] + (node.line ? ':' + node.line : '');
}

function drawTree(top, height) {
	const count = rows.length;
	for (let r = 0; r < count; r++) {
		const y = (state.view === 'flame' ? count - 1 - r : r) * ROW - top;
		if (y > height || -ROW > y) continue;
		rows[r].forEach((b) => {
			if (!b.node) {
				ink.fillStyle = paint.rest;
				ink.fillRect(b.x, y, b.w, ROW - 1);
				return;
			}
			const lit = !matches || matches[b.node.fn] || !b.node.up;
			drawBox(b.x, y, b.w, fillOf(b.node), labelOf(b.node), b.node.depth < zoomed.depth || !lit);
			if (picked === b.node) {
				ink.strokeStyle = paint.edge;
				ink.lineWidth = 2;
				ink.strokeRect(b.x + 1, y + 1, Math.max(b.w - 2, 1), ROW - 3);
			}
		});
	}
}

function drawAxis(y, from, to) {
	const step = Math.pow(10, Math.floor(Math.log10((to - from) / 4)));
	const factor = [1, 2, 5, 10].find((f) => (to - from) / (f * step) <= Math.max(2, width / 110)) || 10;
	ink.fillStyle = paint.edge;
	for (let t = Math.ceil(from / (step * factor)) * step * factor; t <= to; t += step * factor) {
		const x = (t - from) / (to - from) * width;
		ink.globalAlpha = 0.35;
		ink.fillRect(x, y, 1, ROW);
		ink.globalAlpha = 1;
		ink.fillText(t === 0 ? '0 s' : ns(t * 1e3), x + 4, y + 12.5);
	}
}

function drawTime(top, height) {
	const span = timeSpan();
	const scale = width / (span[1] - span[0]);
	lines.forEach((l, r) => {
		const y = r * ROW - top;
		if (y > height || -ROW > y) return;
		if (l.axis) return drawAxis(y, span[0], span[1]);
		if (!l.row) {
			ink.fillStyle = paint.edge;
			ink.fillText(functions.name[fn[l.track.thread]], 2, y + 12.5);
			return;
		}
		let done = -1;
		for (let k = firstBehind(l.row, span[0]); k < l.row.from.length; k++) {
			if (l.row.from[k] > span[1]) break;
			const x = Math.max(0, (l.row.from[k] - span[0]) * scale);
			const end = Math.min(width, (l.row.to[k] - span[0]) * scale);
			if (CULL > end - x && CULL > x - done) continue;
			const f = fn[l.row.raw[k]];
			const lit = !matches || matches[f];
			const is = (matches && matches[f]) || (state.pick !== '' && Number(state.pick) === f);
			drawBox(x, y, Math.max(end - x, CULL), colour(is ? 'match' : familyOf(f), shifts[f]),
				functions.name[f], !lit);
			done = Math.max(end, x + CULL);
		}
	});
}

let drawing = 0;

function draw() {
	if (!drawing) drawing = requestAnimationFrame(drawNow);
}

function drawNow() {
	drawing = 0;
	const height = scroll.clientHeight;
	const ratio = window.devicePixelRatio || 1;
	canvas.width = Math.round(width * ratio);
	canvas.height = Math.round(height * ratio);
	canvas.style.width = width + 'px';
	canvas.style.height = height + 'px';
	ink.setTransform(ratio, 0, 0, ratio, 0, 0);
	ink.clearRect(0, 0, width, height);
	ink.font = paint.font;
	paint.letter = ink.measureText('abcdefghijklmnopqrstuvwxyz_').width / 27;
	if (state.order === 'time') drawTime(scroll.scrollTop, height);
	else drawTree(scroll.scrollTop, height);
}

/* ---- what is under the pointer ---- */

function rowOf(y) {
	const r = Math.floor((y + scroll.scrollTop) / ROW);
	return state.order !== 'time' && state.view === 'flame' ? rows.length - 1 - r : r;
}

function boxAt(x, y) {
	const row = rows[rowOf(y)];
	return row ? row.find((b) => x >= b.x && b.x + b.w > x) || null : null;
}

function timeAt(x, y) {
	const l = lines[rowOf(y)];
	const span = timeSpan();
	const at = span[0] + x / width * (span[1] - span[0]);
	if (!l || !l.row) return null;
	const k = firstBehind(l.row, at);
	if (k >= l.row.from.length || l.row.from[k] > at) return null;
	return { raw: l.row.raw[k], from: l.row.from[k], to: l.row.to[k], thread: l.track.thread };
}

/* Lines of words about a box, the first its name. */
function about(node) {
	const all = root.total;
	const words = [node.up ? functions.name[node.fn] : 'all'];
	if (node.up && placeOf(node.fn, node.line)) words.push(placeOf(node.fn, node.line));
	if (DIFF) {
		const d = difference(node);
		words.push(percent(d.before) + ' before, ' + percent(d.after) + ' after: '
			+ points(d.after - d.before) + ' points'
			+ (!data.timed || !node.up ? '' : d.mark === 2 ? ', more than noise'
				: d.mark ? ', more than noise in what is below' : ', no more than noise'));
		return words;
	}
	kids(node);
	if (state.invert === '')
		words.push('self ' + weigh(node.self, state.clock) + ', ' + percent(node.self / all));
	words.push((state.invert === '' ? 'total ' : 'through here ') + weigh(node.total, state.clock) + ', '
		+ percent(node.total / all) + (zoomed.up ? ' of all, ' + percent(node.total / zoomed.total) + ' of '
			+ functions.name[zoomed.fn] : ''));
	return words;
}

function aboutTime(hit) {
	return [functions.name[fn[hit.raw]], placeOf(fn[hit.raw], line[hit.raw]),
		ns((hit.to - hit.from) * 1e3) + ' from ' + ns(hit.from * 1e3) + ' on',
		functions.name[fn[hit.thread]]];
}

function showTip(words, x, y) {
	tip.replaceChildren(make('b', '', words[0]), ...words.slice(1).map((w) => make('div', '', w)));
	tip.hidden = false;
	const room = document.documentElement.clientWidth;
	const left = Math.max(8, Math.min(x + 14, room - tip.offsetWidth - 8));
	const over = y + 18 + tip.offsetHeight > window.innerHeight;
	tip.style.left = left + window.scrollX + 'px';
	tip.style.top = (over ? y - tip.offsetHeight - 10 : y + 18) + window.scrollY + 'px';
}

function hideTip() {
	tip.hidden = true;
}

function say(words) {
	says.replaceChildren(...(words || []).flatMap((w, i) => [i ? ' \u00b7 ' : '', i ? w : make('b', '', w)]));
}
