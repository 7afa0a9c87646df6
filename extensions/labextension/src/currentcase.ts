import { type ISignal, Signal } from '@lumino/signaling';

/** A case below the server's folder, and its id. */
export interface OpenCase {
  path: string;
  id: string;
}

/** The case that is worked on in this window. */
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
