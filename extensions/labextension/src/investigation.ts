import { Widget } from '@lumino/widgets';

import { spelled } from './spelling';

const FIELDS: readonly { name: string; label: string; help: string }[] = [
  { name: 'case', label: 'Case id', help: 'One line, like INC-2026-014' },
  { name: 'question', label: 'Question', help: 'What the investigation is to answer' },
  { name: 'actor', label: 'Actor', help: 'Who investigates' },
  { name: 'purpose', label: 'Purpose', help: 'Why, and who asked for it' }
];

/** What an investigation begins with: the log, and what the case says of itself. */
export class InvestigationForm extends Widget {
  constructor(logs: readonly string[], actor: string) {
    super();
    this.addClass('auditlab-Investigation');
    this.log.name = 'log';
    this.log.className = 'jp-mod-styled';
    this.log.append(...logs.map(path => new Option(spelled(path), path)));
    this.node.append(labelled('Audit log', this.log, 'Below the server’s folder'));
    for (const { name, label, help } of FIELDS) {
      const input = document.createElement('input');
      input.type = 'text';
      input.name = name;
      input.className = 'jp-mod-styled';
      input.value = name === 'actor' ? actor : '';
      this.inputs.push(input);
      this.node.append(labelled(label, input, help));
    }
  }

  /** What was typed, by the names of the server's question. */
  getValue(): Record<string, string> {
    return Object.fromEntries([this.log, ...this.inputs].map(input => [input.name, input.value.trim()]));
  }

  private readonly log = document.createElement('select');
  private readonly inputs: HTMLInputElement[] = [];
}

function labelled(name: string, input: HTMLElement, help: string): HTMLLabelElement {
  const label = document.createElement('label');
  label.className = 'auditlab-Field';
  const words = document.createElement('span');
  words.textContent = name;
  const said = document.createElement('small');
  said.textContent = help;
  label.append(words, input, said);
  return label;
}
