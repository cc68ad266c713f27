/* The flame graph's page: its controls, and what keys and pointers do. */

/* ---- pieces of the page ---- */

function make(tag, className, ...content) {
	const e = document.createElement(tag);
	if (className) e.className = className;
	e.append(...content);
	return e;
}

function button(text, title, act) {
	const b = make('button', '', text);
	b.type = 'button';
	b.title = title;
	b.addEventListener('click', act);
	return b;
}

const pressers = [];

function toggle(key, text, title, on) {
	const b = button(text, title, () => change({ [key]: state[key] === on ? DEFAULTS[key] : on }));
	pressers.push(() => {
		b.setAttribute('aria-pressed', String(state[key] === on));
		b.disabled = state.order === 'time';
	});
	return b;
}

const selects = [];

function choose(key, label, options) {
	const select = make('select');
	options.forEach((o) => {
		const option = make('option', '', o[1]);
		option.value = o[0];
		select.append(option);
	});
	select.addEventListener('change', () => change({ [key]: select.value }));
	selects.push(() => {
		select.value = state[key];
		select.disabled = key === 'group' && state.order === 'time';
	});
	return make('label', '', label + ' ', select);
}

const CLOCK_NAMES = {
	wall: 'wall: time that passed', cpu: 'cpu: on a core', gil: 'gil: with the interpreter lock',
	samples: 'samples', after: 'after', before: 'before',
};
const bar = make('div', 'flame-bar');
const box = make('input');
const found = make('span', 'flame-found');
const crumbs = make('nav', 'flame-crumbs');
const scroll = make('div', 'flame-scroll');
const space = make('div', 'flame-space');
const canvas = make('canvas', '');
const says = make('p', 'flame-says');
const tip = make('div', 'flame-tip');
const legend = make('p', 'legend');
const below = make('div', 'flame-below');
const tableBox = make('div', 'flame-table');
const sourceBox = make('div', 'flame-source');
const ink = canvas.getContext('2d');

function build() {
	const used = data.clocks.filter((c) => totalOf(c)[0] > 0);
	box.type = 'search';
	box.placeholder = 'search: a regular expression';
	box.setAttribute('aria-label', 'search functions and files by a regular expression');
	box.addEventListener('input', () => change({ search: box.value }));
	found.setAttribute('role', 'status');
	crumbs.setAttribute('aria-label', 'where the graph is zoomed to');
	canvas.tabIndex = 0;
	canvas.setAttribute('role', 'img');
	canvas.setAttribute('aria-label', 'flame graph; arrows move, Enter zooms, Escape resets');
	tip.hidden = true;
	bar.append(choose('clock', DIFF ? 'width' : 'clock',
		(used.length ? used : [data.clock]).map((c) => [c, CLOCK_NAMES[c] || c])));
	if (threads.length > 1 || processes > 1) {
		const groups = [['all', 'merged'], ['process', 'by process'], ['thread', 'by thread']];
		if (functions.kind.includes(KIND.task)) groups.push(['task', 'by task']);
		bar.append(choose('group', 'stacks', groups));
	}
	if (moments) bar.append(choose('order', 'order', [['weight', 'largest first'], ['time', 'in time']]));
	bar.append(
		make('span', 'flame-set',
			toggle('view', 'flame', 'callers at the bottom', 'flame'),
			toggle('invert', 'callers', 'turn it round: what spends the time first, then who calls it', '1'),
			DIFF ? '' : toggle('lines', 'lines', 'a frame a line, not a function', '1'),
			toggle('own', 'program only', 'leave libraries out; their time is their caller\u2019s', '1')),
		box, found);
	space.append(canvas);
	scroll.append(space);
	below.append(tableBox, sourceBox);
	home.append(bar, crumbs, scroll, says, legend, below);
	document.body.append(tip);
	buildLegend();
}

function buildLegend() {
	const key = (name, text) => {
		const k = make('span', 'flame-key');
		k.dataset.colour = name;
		legend.append(make('span', 'keyed', k, text));
	};
	if (DIFF) {
		key('grew', 'grew');
		key('shrank', 'shrank');
		if (data.timed) key('same', 'no more than noise');
	} else {
		key('own', 'the program');
		key('library', 'libraries');
		if (functions.kind.includes(KIND.native)) key('native', 'machine code');
	}
	key('match', 'found');
	legend.append(make('span', 'flame-keys',
		'/ search \u00b7 click or Enter zooms \u00b7 Esc back \u00b7 arrows move'));
	if (data.booked) {
		legend.append(make('span', '', ' ' + count(data.booked)
			+ ' of the smallest places are drawn as part of their caller.'));
	}
}

/* ---- acting on it ---- */

let pressed = null; /* where a range of time begins */
let touched = null;

function zoomTo(node) {
	picked = node;
	change({ zoom: pathOf(node), pick: node.up ? String(node.fn) : state.pick });
}

function listen() {
	canvas.addEventListener('pointermove', (event) => {
		const x = event.offsetX;
		const y = event.offsetY;
		if (state.order === 'time') {
			const hit = timeAt(x, y);
			if (pressed !== null && Math.abs(x - pressed) > 4) {
				drawNow();
				ink.fillStyle = paint.edge;
				ink.globalAlpha = 0.18;
				ink.fillRect(Math.min(x, pressed), 0, Math.abs(x - pressed), scroll.clientHeight);
				ink.globalAlpha = 1;
			}
			if (hit) showTip(aboutTime(hit), event.clientX, event.clientY);
			else hideTip();
			return;
		}
		const b = boxAt(x, y);
		canvas.style.cursor = b && b.node ? 'pointer' : '';
		if (b && b.node) showTip(about(b.node), event.clientX, event.clientY);
		else if (b) showTip(['places too small to draw', percent(b.w / width * zoomed.total / root.total)
			+ ' of all; zoom to see them'], event.clientX, event.clientY);
		else hideTip();
	});
	canvas.addEventListener('pointerleave', hideTip);
	canvas.addEventListener('pointerdown', (event) => {
		pressed = event.offsetX;
	});
	window.addEventListener('pointerup', () => { setTimeout(() => { pressed = null; }); });
	canvas.addEventListener('click', (event) => {
		const from = pressed;
		pressed = null;
		if (state.order === 'time') {
			const span = timeSpan();
			const scale = (span[1] - span[0]) / width;
			const hit = timeAt(event.offsetX, event.offsetY);
			if (from !== null && Math.abs(event.offsetX - from) > 4) {
				const ends = [from, event.offsetX].map((x) => span[0] + x * scale);
				change({ from: String(Math.round(Math.min(...ends))), to: String(Math.round(Math.max(...ends))) });
			} else if (hit) {
				change({ from: String(hit.from), to: String(hit.to), pick: String(fn[hit.raw]) });
			}
			return;
		}
		const b = boxAt(event.offsetX, event.offsetY);
		if (!b || !b.node) return;
		if (event.pointerType === 'touch' && touched !== b.node) {
			/* a finger has no hover: the first touch says what it is, the second zooms */
			touched = picked = b.node;
			change({ pick: b.node.up ? String(b.node.fn) : '' });
			return;
		}
		hideTip();
		zoomTo(b.node);
	});
	scroll.addEventListener('scroll', draw);
	canvas.addEventListener('keydown', move);
	document.addEventListener('keydown', (event) => {
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key === '/' && !typing) {
			event.preventDefault();
			box.focus();
		} else if (event.key === 'Escape') back();
	});
	window.addEventListener('hashchange', () => {
		readState();
		update();
	});
	window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
		readColours();
		draw();
	});
	new ResizeObserver(() => {
		if (scroll.clientWidth !== width) update();
	}).observe(scroll);
}

/* Escape: out of the search, then out of the zoom, then of what is picked. */
function back() {
	hideTip();
	if (state.search !== '') change({ search: '' });
	else if (state.zoom !== '' || state.from !== '' || state.to !== '') change({ zoom: '', from: '', to: '' });
	else {
		picked = null;
		change({ pick: '' });
	}
	if (document.activeElement === box) box.blur();
}

function moveTime(event) {
	const span = timeSpan();
	const by = (span[1] - span[0]) / 4;
	const shift = event.key === 'ArrowLeft' ? -Math.min(by, span[0])
		: event.key === 'ArrowRight' ? Math.min(by, spanUs - span[1]) : 0;
	if (!shift && !/^[+-]$/.test(event.key)) return;
	const grow = event.key === '+' ? -by : event.key === '-' ? by : 0;
	event.preventDefault();
	change({
		from: String(Math.round(Math.max(0, span[0] + shift - grow))),
		to: String(Math.round(Math.min(spanUs, span[1] + shift + grow))),
	});
}

function move(event) {
	if (state.order === 'time') {
		moveTime(event);
		return;
	}
	const at = picked || zoomed;
	const inner = state.view === 'flame' ? 'ArrowUp' : 'ArrowDown';
	const outer = state.view === 'flame' ? 'ArrowDown' : 'ArrowUp';
	const beside = at.up ? kids(at.up) : [at];
	const k = beside.indexOf(at);
	let next = null;
	if (event.key === inner) next = kids(at)[0];
	else if (event.key === outer) next = at.up;
	else if (event.key === 'ArrowLeft') next = beside[k - 1];
	else if (event.key === 'ArrowRight') next = beside[k + 1];
	else if (event.key === 'Enter') {
		event.preventDefault();
		zoomTo(at);
		return;
	} else return;
	event.preventDefault();
	if (!next) return;
	picked = next;
	if (zoomed.depth > next.depth) zoomTo(next);
	else {
		say(about(next));
		const r = state.view === 'flame' ? rows.length - 1 - next.depth : next.depth;
		if (scroll.scrollTop > r * ROW) scroll.scrollTop = r * ROW;
		if ((r + 1) * ROW > scroll.scrollTop + scroll.clientHeight)
			scroll.scrollTop = (r + 1) * ROW - scroll.clientHeight;
		draw();
	}
}

function showCrumbs() {
	const path = [];
	crumbs.replaceChildren();
	if (state.order === 'time') {
		const span = timeSpan();
		crumbs.append(button('all the time', 'back to all of it', () => change({ from: '', to: '' })));
		if (state.from !== '' || state.to !== '')
			crumbs.append(' \u203a ', make('b', '', ns(span[0] * 1e3) + ' to ' + ns(span[1] * 1e3)));
		return;
	}
	for (let n = zoomed; n; n = n.up) path.unshift(n);
	path.forEach((node, i) => {
		const name = node.up ? functions.name[node.fn] : 'all';
		if (i > 1 && path.length - 4 > i) {
			if (i === 2) crumbs.append(' \u203a \u2026');
			return;
		}
		if (i) crumbs.append(' \u203a ');
		crumbs.append(i + 1 === path.length ? make('b', '', name)
			: button(name, 'zoom to ' + name, () => zoomTo(node)));
	});
}
