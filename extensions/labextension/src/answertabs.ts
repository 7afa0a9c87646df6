import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ReactWidget } from '@jupyterlab/ui-components';

import { show } from './place';
import type { DecisionAddress } from './tokens';

type Addressed = ReactWidget & { readonly address: DecisionAddress };

/** Tabs that each show one thing about a decision: one tab for each address, which comes back after a reload. */
export class AnswerTabs<T extends Addressed> {
  readonly tracker: WidgetTracker<MainAreaWidget<T>>;
  private readonly opening = new Map<string, Promise<MainAreaWidget<T>>>();

  constructor(
    private readonly app: JupyterFrontEnd,
    /** What is shown, as part of names. */
    private readonly kind: string,
    private readonly make: (address: DecisionAddress) => Promise<T>,
    private readonly furnish: (widget: MainAreaWidget<T>) => void = () => undefined
  ) {
    this.tracker = new WidgetTracker({ namespace: `audit-lab-${kind}` });
  }

  async open(address: DecisionAddress): Promise<void> {
    const found = this.tracker.find(open => key(open.content.address) === key(address));
    show(this.app, found ?? (await this.begun(address)));
  }

  /** What is being opened is not opened twice: what shows it is fetched when the first of its kind is. */
  private begun(address: DecisionAddress): Promise<MainAreaWidget<T>> {
    const name = key(address);
    const begun = this.opening.get(name) ?? this.begin(address).finally(() => this.opening.delete(name));
    this.opening.set(name, begun);
    return begun;
  }

  private async begin(address: DecisionAddress): Promise<MainAreaWidget<T>> {
    const widget = new MainAreaWidget({ content: await this.make(address) });
    widget.id = `audit-lab-${this.kind}-${key(address)}`;
    this.furnish(widget);
    await this.tracker.add(widget);
    return widget;
  }

  /** Let the tabs come back after a reload, through the command that opens them. */
  restore(restorer: ILayoutRestorer | null, command: string): void {
    void restorer?.restore(this.tracker, {
      command,
      args: widget => ({ ...widget.content.address }),
      name: widget => key(widget.content.address)
    });
  }
}

/** The address among a command's arguments, or null where it is not complete. */
export function addressIn(args: ReadonlyPartialJSONObject): DecisionAddress | null {
  const { log, reference } = args;
  return typeof log === 'string' && typeof reference === 'string' ? { log, reference } : null;
}

/** What tells one address from another. */
function key(address: DecisionAddress): string {
  return JSON.stringify([address.log, address.reference]);
}
