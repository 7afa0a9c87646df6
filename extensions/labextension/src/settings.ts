import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { type ISignal, Signal } from '@lumino/signaling';

/** Who investigates, as what, and where results go: the page Settings > Audit Lab. */
export interface AuditLabSettings {
  folder: string;
  actor: string;
  role: string;
  /** A trust file below the server's folder; the empty text for none. */
  trust: string;
  /** Whether a log whose folder is entered in the file browser is shown in the panel. */
  opensLogs: boolean;
}

const UNSET: AuditLabSettings = { folder: 'dossiers', actor: '', role: '', trust: '', opensLogs: true };

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
      const { composite } = settings;
      const said = (name: 'folder' | 'actor' | 'role' | 'trust'): string => {
        const value = composite[name];
        return typeof value === 'string' ? value : UNSET[name];
      };
      this._now = {
        folder: said('folder'),
        actor: said('actor'),
        role: said('role'),
        trust: said('trust'),
        opensLogs: composite['opensLogs'] !== false
      };
      this._changed.emit();
    };
    settings.changed.connect(take);
    take();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _now = UNSET;
}
