// The state that the kernel shares, as anywidget hands it over.

export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(name: string, call: (...given: never[]) => void): void;
  off(name: string | null, call?: ((...given: never[]) => void) | null): void;
}
