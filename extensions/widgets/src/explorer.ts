// The log explorer: filter, timeline and a table of which only the rows in sight are here.

import { rowsOf, words } from './cells';
import { columnsToChoose } from './chooser';
import type { Column } from './completion';
import { element, say } from './element';
import css from './explorer.css';
import { Facet } from './facet';
import { FilterField } from './filter';
import { told, type Told } from './messages';
import type { Model } from './model';
import { Pages } from './pages';
import { fullHeight, lastFirst, rowAt, ROW_HEIGHT, topOf } from './scrolling';
import { sentence } from './sentence';
import { Timeline } from './timeline';

const VISIBLE_ROWS = 18;
/** So long a stretch of rows that nobody moved over is read ahead of both its ends. */
const AHEAD = 20;
const QUIET_MILLISECONDS = 250;
/** So long stand rows that are not asked for any more, rather than be wiped out before the others come. */
const PATIENCE_MILLISECONDS = 100;

class Explorer {
  private readonly pages = new Pages();
  private readonly filter = new FilterField(() => this.columns(), () => this.apply());
  private readonly said = element('div', { class: 'al-said', role: 'status' });
  private readonly wrong = element('div', { class: 'al-wrong', role: 'alert' });
  private readonly head = element('tr', { role: 'row', 'aria-rowindex': '1' });
  private readonly body = element('tbody', { role: 'rowgroup' });
  private readonly grid = element('table', { class: 'al-grid', role: 'grid', 'aria-label': 'Predictions' });
  private readonly frame = element('div', { class: 'al-frame', tabindex: '0' });
  private readonly bar = element('div', { class: 'al-bar', 'aria-hidden': 'true' });
  private readonly filler = element('div');
  private readonly chooser = element('details', { class: 'al-chooser' });
  private readonly timeline = new Timeline((since, until) => this.change({ since, until }));
  private readonly facet = new Facet({
    sort: (sort, descending) => this.change({ sort, descending }),
    add: where => this.add(where)
  });
  private first = 0;
  private chosen = 0;
  private next = 1;
  private done = 0;
  private moving = false;
  private changed = -1;
  private readonly timers = { asking: 0, resting: 0, wiping: 0 };
  private drawnFilter = '';
  private drawnHead = '';
  private readonly early: [Told, (DataView | ArrayBuffer)[] | undefined][] = [];

  constructor(
    private readonly model: Model,
    private readonly node: HTMLElement
  ) {}

  start(): () => void {
    const head = element('thead', { role: 'rowgroup' }, this.head);
    this.grid.append(head, this.body);
    this.frame.append(this.grid);
    this.bar.append(this.filler);
    const clear = element('button', { type: 'button' }, 'Clear');
    const apply = element('button', { type: 'button' }, 'Apply');
    apply.addEventListener('click', () => this.apply());
    clear.addEventListener('click', () => this.clear());
    const line = element('div', { class: 'al-line' }, this.filter.node, apply, clear, this.chooser);
    this.node.classList.add('al-explorer');
    this.node.append(line, this.wrong, this.timeline.node, this.said, element('div', { class: 'al-table' }, this.frame, this.bar), this.facet.node);
    this.frame.style.height = this.bar.style.height = `${(VISIBLE_ROWS + 1) * ROW_HEIGHT + 16}px`;
    this.filter.value = this.text('expression');
    this.listen();
    this.chooser.append(...columnsToChoose(() => this.columns(), () => this.shown(), names => this.choose(names)));
    this.again();
    this.begin();
    return () => this.stop();
  }

  private readonly onMessage = (content: never, buffers: never): void => {
    const message = told(content);
    if (message !== null) {
      this.hear(message, buffers as unknown as (DataView | ArrayBuffer)[] | undefined);
    }
  };
  private readonly onState = (): void => {
    this.grid.setAttribute('aria-busy', 'true');
    this.pages.clear();
    // The first rows of another order or filter are told without being asked for.
    this.pages.missing(0, VISIBLE_ROWS);
    this.again(false);
    // What a thread of the kernel told may be here before the state that it is about.
    this.early.splice(0).forEach(each => this.hear(...each));
  };
  private readonly heard: [string, (...given: never[]) => void][] = [
    ['msg:custom', this.onMessage],
    ['change:state', this.onState],
    ['change:rows', () => this.counted()],
    ['change:problem', () => say(this.wrong, this.text('problem'))],
    ['change:expression', () => (this.filter.value = this.text('expression'))],
    ['change:shown', () => this.again()]
  ];

  private listen(): void {
    this.heard.forEach(([name, call]) => this.model.on(name, call));
    this.frame.addEventListener('wheel', event => this.wheeled(event), { passive: false });
    this.frame.addEventListener('keydown', event => this.pressed(event));
    this.bar.addEventListener('scroll', () => {
      if (!this.moving) {
        this.first = rowAt(this.bar.scrollTop, this.rows, this.bar.clientHeight - ROW_HEIGHT);
        this.show();
      }
      this.moving = false;
    });
  }

  private stop(): void {
    this.heard.forEach(([name, call]) => this.model.off(name, call));
    Object.values(this.timers).forEach(timer => window.clearTimeout(timer));
  }

  /** Show the rows that came with the table; what they lack is asked for with them once more. */
  private begin(): void {
    const opening = this.model.get('opening');
    if (this.number('state') === 0 && opening instanceof DataView && opening.byteLength > 0) {
      this.pages.put(0, rowsOf(opening));
      this.draw();
      this.ask('page', { first: 0, count: VISIBLE_ROWS });
    }
  }

  private hear(message: Told, buffers: (DataView | ArrayBuffer)[] | undefined): void {
    if (message.state > this.number('state')) {
      this.early.push([message, buffers]);
    }
    if (message.state !== this.number('state')) {
      return;
    }
    switch (message.kind) {
      case 'page': {
        const buffer = buffers?.[0];
        if (buffer !== undefined) {
          this.pages.put(message.first, rowsOf(buffer));
          this.draw();
        }
        this.settled();
        this.countAround();
        break;
      }
      case 'histogram':
        this.facet.bars(message.column, message.bars);
        break;
      case 'timeline':
        this.timeline.show(message.step, message.steps, message.alerts, message.said);
        break;
      case 'progress':
        this.done = message.done;
        this.tell();
        break;
      case 'problem':
        this.pages.giveUp();
        this.settled();
        say(this.wrong, message.problem);
        break;
    }
  }

  /** Ask for everything anew: another filter, order, or other columns. */
  private again(forget = true): void {
    if (forget) {
      this.pages.clear();
    }
    this.done = 0;
    this.first = 0;
    this.chosen = 0;
    this.headings();
    this.counted();
  }

  /** Rows come first: what is drawn above them is counted when they are here. */
  private countAround(): void {
    const filter = JSON.stringify(['expression', 'since', 'until'].map(name => this.text(name)));
    if (filter !== this.drawnFilter) {
      this.drawnFilter = filter;
      this.ask('timeline');
    }
  }

  private counted(): void {
    if (this.rows === 0) {
      this.settled();
      this.countAround();
    }
    this.filler.style.height = `${fullHeight(Math.max(this.rows, 0)) + ROW_HEIGHT}px`;
    this.grid.setAttribute('aria-rowcount', String(this.rows < 0 ? -1 : this.rows + 1));
    this.tell();
    this.show();
  }

  private tell(): void {
    const isHere = this.pages.cell(this.first, this.shown()[0] ?? '') !== undefined;
    const [since, until, sort] = [this.text('since'), this.text('until'), this.text('sort')];
    const descending = this.model.get('descending') === true;
    say(this.said, sentence({ rows: this.rows, read: isHere ? 0 : this.done, since, until, sort, descending }));
  }

  private headings(): void {
    const [sort, descending] = [this.text('sort'), this.model.get('descending') === true];
    // A head that says the same is left alone: a browser would measure every cell below it again.
    const drawn = JSON.stringify([this.shown(), sort, descending]);
    if (drawn === this.drawnHead) {
      return;
    }
    this.drawnHead = drawn;
    const cells = this.shown().map((name, number) => {
      const mark = name === sort ? (descending ? ' \u25BC' : ' \u25B2') : '';
      const button = element('button', { type: 'button', class: 'al-name', title: `Sort and count ${name}` }, `${name}${mark}`);
      button.addEventListener('click', event => {
        this.facet.open(name, this.kindOf(name), event.currentTarget as HTMLElement, this.node);
        this.ask('histogram', { column: name });
      });
      const order = name === sort ? (descending ? 'descending' : 'ascending') : 'none';
      return element('th', { role: 'columnheader', scope: 'col', 'aria-colindex': String(number + 1), 'aria-sort': order }, button);
    });
    this.head.replaceChildren(...cells);
    this.grid.setAttribute('aria-colcount', String(cells.length));
  }

  /** Move to where `first` says, ask for what is missing, draw what is here. */
  private show(): void {
    this.first = Math.max(0, Math.min(this.first, lastFirst(Math.max(this.rows, 0), VISIBLE_ROWS * ROW_HEIGHT)));
    if (this.rows === 0 || this.pages.cell(this.first, 'place') !== undefined) {
      this.draw();
    } else if (this.timers.wiping === 0) {
      this.timers.wiping = window.setTimeout(() => this.draw(), PATIENCE_MILLISECONDS);
    }
    window.clearTimeout(this.timers.asking);
    window.clearTimeout(this.timers.resting);
    this.timers.asking = window.setTimeout(() => {
      this.fetch(this.first, this.first + VISIBLE_ROWS);
      this.timers.resting = window.setTimeout(() => {
        this.fetch(this.first + VISIBLE_ROWS, this.first + VISIBLE_ROWS + AHEAD);
        this.fetch(this.first - AHEAD, this.first);
      }, QUIET_MILLISECONDS);
    }, 10);
  }

  private fetch(first: number, stop: number): void {
    const last = Math.min(stop, this.rows < 0 ? VISIBLE_ROWS : this.rows);
    this.pages.missing(Math.max(0, first), last).forEach(run => this.ask('page', { ...run }));
  }

  private draw(): void {
    window.clearTimeout(this.timers.wiping);
    this.timers.wiping = 0;
    const names = this.shown();
    const last = this.rows < 0 ? VISIBLE_ROWS : Math.min(this.first + VISIBLE_ROWS, this.rows);
    const lines: HTMLElement[] = [];
    for (let row = this.first; row < last; row += 1) {
      const line = element('tr', { role: 'row', 'aria-rowindex': String(row + 2), class: row === this.chosen ? 'al-chosen' : '' });
      line.append(...names.map((name, number) => this.shownCell(row, name, number)));
      line.addEventListener('click', () => {
        this.chosen = row;
        this.open();
      });
      lines.push(line);
    }
    this.body.replaceChildren(...lines);
    this.tell();
  }

  private shownCell(row: number, name: string, number: number): HTMLElement {
    const value = this.pages.cell(row, name);
    const classes = value === undefined ? 'al-waiting' : typeof value === 'number' || this.kindOf(name) === 'number' ? 'al-number' : '';
    return element('td', { role: 'gridcell', 'aria-colindex': String(number + 1), class: classes }, words(value));
  }

  private move(to: number): void {
    this.first = to;
    this.show();
    this.moving = true;
    this.bar.scrollTop = topOf(this.first, this.rows, this.bar.clientHeight - ROW_HEIGHT);
    window.setTimeout(() => (this.moving = false), 50);
  }

  private wheeled(event: WheelEvent): void {
    if (Math.abs(event.deltaY) < Math.abs(event.deltaX) || event.ctrlKey) {
      return;
    }
    const before = this.first;
    const rows = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / ROW_HEIGHT : event.deltaY;
    this.move(Math.round(before + (rows > 0 ? Math.max(1, rows) : Math.min(-1, rows))));
    if (this.first !== before) {
      event.preventDefault();
    }
  }

  private pressed(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: VISIBLE_ROWS, PageUp: -VISIBLE_ROWS, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      this.chosen = Math.max(0, Math.min(this.chosen + step, this.rows - 1));
      if (this.chosen < this.first || this.chosen >= this.first + VISIBLE_ROWS) {
        this.move(step > 0 ? this.chosen - VISIBLE_ROWS + 1 : this.chosen);
      } else {
        this.draw();
      }
    } else if (event.key === 'Enter' && event.target === this.frame) {
      event.preventDefault();
      event.stopPropagation();
      this.open();
    }
  }

  private open(): void {
    this.draw();
    const place = this.pages.cell(this.chosen, 'place');
    if (typeof place === 'string') {
      this.ask('open', { column: place });
    }
  }

  private add(where: string): void {
    const before = this.filter.value.trim();
    this.filter.value = before === '' ? where : `(${before}) AND ${where}`;
    this.apply();
  }

  private apply(): void {
    this.filter.hideOffers();
    this.change({ expression: this.filter.value.trim() });
  }

  private clear(): void {
    this.filter.value = '';
    this.change({ expression: '', since: '', until: '' });
  }

  /** Ask for another filter or order; what stands there until its rows come is that of the one before. */
  private change(wanted: Record<string, string | boolean>): void {
    const others = Object.entries(wanted).filter(([name, value]) => this.model.get(name) !== value);
    if (others.length === 0) {
      return;
    }
    this.changed = this.number('state');
    this.grid.setAttribute('aria-busy', 'true');
    others.forEach(([name, value]) => this.model.set(name, value));
    this.model.save_changes();
  }

  /** The rows that were asked for last are here, or it is said why not. */
  private settled(): void {
    if (this.number('state') !== this.changed) {
      this.grid.setAttribute('aria-busy', 'false');
    }
  }

  private choose(names: string[]): void {
    this.model.set('shown', names);
    this.model.save_changes();
  }

  private ask(kind: string, more: Record<string, unknown> = {}): void {
    this.model.send({ id: this.next, kind, state: this.number('state'), ...more });
    this.next += 1;
  }

  private get rows(): number {
    return this.number('rows');
  }

  private columns(): Column[] {
    const columns = this.model.get('columns');
    return Array.isArray(columns) ? (columns as Column[]) : [];
  }

  private kindOf(name: string): string {
    return this.columns().find(column => column.name === name)?.kind ?? 'text';
  }

  private shown(): string[] {
    const shown = this.model.get('shown');
    return Array.isArray(shown) ? shown.map(String) : [];
  }

  private text(name: string): string {
    return String(this.model.get(name) ?? '');
  }

  private number(name: string): number {
    return Number(this.model.get(name) ?? 0);
  }
}

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    el.append(element('style', {}, css));
    return new Explorer(model, el).start();
  }
};
