import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { type ISignal, Signal } from '@lumino/signaling';

/** Who investigates, as what, and where results go: the page Settings > Audit Lab. */
export interface AuditLabSettings {
  folder: string;
  actor: string;
  role: string;
}

const UNSET: AuditLabSettings = { folder: 'dossiers', actor: '', role: '' };

/** The settings as they are now; their defaults where no registry is there. */
export class SettingsModel {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get now(): AuditLabSettings {
    return this._now;
  }

  follow(settings: ISettingRegistry.ISettings): void {
    const take = (): void => {
      const { folder, actor, role } = settings.composite;
      this._now = {
        folder: typeof folder === 'string' ? folder : UNSET.folder,
        actor: typeof actor === 'string' ? actor : UNSET.actor,
        role: typeof role === 'string' ? role : UNSET.role
      };
      this._changed.emit();
    };
    settings.changed.connect(take);
    take();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _now = UNSET;
}
