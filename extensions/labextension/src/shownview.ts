import type { NotebookPanel } from '@jupyterlab/notebook';
import type { JSONObject, PartialJSONObject } from '@lumino/coreutils';
import { Panel, Widget } from '@lumino/widgets';

/** The type of an output that is a view of ours; the widget and the static rendering stand beside it. */
export const VIEW = 'application/vnd.audit-lab.view+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';
const HTML = 'text/html';
/** Where the kernel is asked for the static rendering of what a view shows by now. */
const TARGET = 'audit_lab.view';

/** The class of the element that a view stands in. */
export const SHOWN = 'auditlab-ShownView';
const WAITING = 'auditlab-ShownView-waiting';
/** So long after the last change in a view its static rendering is asked for. */
const SETTLED_MS = 800;
const RETRY_MS = 250;
const MOST_RETRIES = 80;
const CHANGING = ['change', 'click', 'keyup', 'pointerup'] as const;
/** How a kernel is doing that knows nothing any more of what was live in it. */
const ENDED: readonly string[] = ['autorestarting', 'dead', 'restarting', 'starting', 'terminating'];
const LAST_SHOWN =
  'The kernel that this view was live in has ended. This is what it showed last; run its cell again for a live view.';

type Session = NotebookPanel['sessionContext'];
type Message = Parameters<Parameters<Session['iopubMessage']['connect']>[0]>[1];
type Registry = NotebookPanel['content']['rendermime'];
type Renderer = ReturnType<Registry['createRenderer']>;
type Model = Parameters<Renderer['renderModel']>[0];

/**
 * Shows a view: its static rendering at once and for as long as there is no kernel, else the live widget.
 *
 * What the widget shows after a change, whoever made it, replaces the static rendering in the notebook, so that saving
 * keeps it. When the kernel ends, also in the middle of an answer, its static rendering is shown again, and says so.
 */
export class ShownView extends Panel {
  constructor(notebook: NotebookPanel) {
    super();
    this._notebook = notebook;
    this.addClass(SHOWN);
    const session = notebook.sessionContext;
    session.statusChanged.connect(this._follow, this);
    session.kernelChanged.connect(this._follow, this);
    session.iopubMessage.connect(this._hear, this);
    this._observer = new MutationObserver(() => this._choose());
    this._redrawn = new MutationObserver(this._changed);
    CHANGING.forEach(kind => this.node.addEventListener(kind, this._changed));
  }

  async renderModel(model: Model): Promise<void> {
    this._model = model;
    await this._choose();
    this._connect();
    if (this._retry === undefined && !this._isLive) {
      // The manager of the widgets takes its place some time after the kernel is there, and tells nobody.
      this._retry = setInterval(() => this._connect(), RETRY_MS);
    }
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    const session = this._notebook.sessionContext;
    session.statusChanged.disconnect(this._follow, this);
    session.kernelChanged.disconnect(this._follow, this);
    session.iopubMessage.disconnect(this._hear, this);
    CHANGING.forEach(kind => this.node.removeEventListener(kind, this._changed));
    this._observer.disconnect();
    this._redrawn.disconnect();
    clearInterval(this._retry);
    clearTimeout(this._settling);
    super.dispose();
  }

  /** Whether the live widget stands in its place: its manager puts it there once there is a kernel that knows it. */
  private get _isLive(): boolean {
    return this._live instanceof Panel && this._live.widgets.length > 0;
  }

  /** Take the live widget away when its kernel has ended: whatever it was waiting for never comes. */
  private _follow(session: Session): void {
    const kernel = session.session?.kernel;
    if (this._isLive && (!kernel || ENDED.includes(kernel.status))) {
      this._end();
    }
    this._connect();
  }

  /** Another process answers where another client restarted the kernel, of which this one may have heard nothing. */
  private _hear(_: Session, message: Message): void {
    const state = 'execution_state' in message.content ? message.content.execution_state : '';
    if (state !== 'busy' && state !== 'idle') {
      return; // what the server says in the place of a kernel is of the server's process
    }
    if (this._isLive && this._process !== undefined && this._process !== message.header.session) {
      this._end();
      this._connect();
    }
    this._process = message.header.session;
  }

  private _end(): void {
    this._redrawn.disconnect();
    this._observer.disconnect();
    clearTimeout(this._settling);
    this._live?.dispose();
    this._live = undefined;
    this._note = said(LAST_SHOWN);
    this.insertWidget(0, this._note);
    void this._choose();
  }

  /** Try the live widget, and again whenever another manager of widgets has taken its place. */
  private _connect(): void {
    this._tries += 1;
    if (this._isLive || this._tries > MOST_RETRIES) {
      clearInterval(this._retry);
    }
    const source = this._model?.data[WIDGET];
    const factory = this._registry.getFactory(WIDGET);
    if (source === undefined || factory === undefined || factory === this._tried || this._isLive) {
      return;
    }
    this._tried = factory;
    this._live?.dispose();
    const live = this._registry.createRenderer(WIDGET);
    live.addClass(WAITING);
    this._live = live;
    this.addWidget(live);
    this._observer.disconnect();
    this._observer.observe(live.node, { childList: true });
    // A brush in another view, or a thread of the kernel, changes this one with no event in it.
    this._redrawn.disconnect();
    this._redrawn.observe(live.node, { characterData: true, childList: true, subtree: true });
    // A copy: the manager forgets the widget in what it is given when the kernel ends, and a notebook keeps its outputs.
    const copied = { [WIDGET]: { ...(source as PartialJSONObject) } };
    void live.renderModel(this._registry.createModel({ data: copied, trusted: true }));
  }

  /** Show the live widget where there is one, else the static rendering. */
  private async _choose(): Promise<void> {
    this._live?.toggleClass(WAITING, !this._isLive);
    if (this._isLive) {
      this._static?.dispose();
      this._static = undefined;
      this._note?.dispose();
      this._note = undefined;
      return;
    }
    const html = this._model?.data[HTML];
    if (this._model === undefined || html === undefined) {
      return;
    }
    if (this._static === undefined) {
      this._static = this._registry.createRenderer(HTML);
      this.insertWidget(this._note === undefined ? 0 : 1, this._static);
    }
    await this._static.renderModel(
      this._registry.createModel({ data: { [HTML]: html }, trusted: this._model.trusted })
    );
  }

  /** Ask for what it shows at rest, its first drawing too: another view may have changed it before that was done. */
  private readonly _changed = (): void => {
    if (this._isLive) {
      this._settle(() => this._ask());
    }
  };

  /** Do something once nothing has changed for a while, and the kernel has done what was asked for before. */
  private _settle(then: () => void): void {
    clearTimeout(this._settling);
    this._settling = setTimeout(() => {
      const isBusy = this._notebook.sessionContext.session?.kernel?.status === 'busy';
      return isBusy ? this._settle(then) : then();
    }, SETTLED_MS);
  }

  /** Ask the kernel what the view shows by now, and put its static rendering into the notebook. */
  private _ask(): void {
    const kernel = this._notebook.sessionContext.session?.kernel;
    const source = this._model?.data[WIDGET] as JSONObject | undefined;
    const id = source?.['model_id'];
    if (!kernel || this.isDisposed || id === undefined) {
      return;
    }
    const comm = kernel.createComm(TARGET);
    comm.onMsg = message => {
      const { html, text } = message.content.data;
      const model = this._model;
      if (this.isDisposed || model === undefined || typeof html !== 'string' || html === model.data[HTML]) {
        return;
      }
      model.setData({ data: { ...model.data, [HTML]: html, 'text/plain': String(text) } });
    };
    comm.open({ model_id: id });
  }

  private get _registry(): Registry {
    return this._notebook.content.rendermime;
  }

  private readonly _notebook: NotebookPanel;
  private readonly _observer: MutationObserver;
  private readonly _redrawn: MutationObserver;
  /** Which process said last how the kernel is doing: each has a session of its own. */
  private _process: string | undefined;
  private _note: Widget | undefined;
  private _model: Model | undefined;
  private _live: Renderer | undefined;
  private _static: Renderer | undefined;
  private _tried: ReturnType<Registry['getFactory']>;
  private _tries = 0;
  private _retry: ReturnType<typeof setInterval> | undefined;
  private _settling: ReturnType<typeof setTimeout> | undefined;
}

function said(text: string): Widget {
  const node = document.createElement('p');
  node.className = 'auditlab-Hint';
  node.setAttribute('role', 'status');
  node.textContent = text;
  return new Widget({ node });
}
