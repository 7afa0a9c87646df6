import { type ISignal, Signal } from '@lumino/signaling';

/** A case, and where it is below the server's folder; null where it is not known which of several of one id it is. */
export interface OpenCase {
  path: string | null;
  id: string;
}

/** The case that is open in the kernel of the notebook in sight. */
export class CurrentCase {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get open(): OpenCase | null {
    return this._open;
  }

  set open(chosen: OpenCase | null) {
    this._open = chosen;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _open: OpenCase | null = null;
}
