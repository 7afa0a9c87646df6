import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { CasesAnswer, LetterAnswer, LineageAnswer } from './investigationmessages';
import { parseCases, parseLetter, parseLineage } from './investigationmessages';
import { type Asked, type Job, parseJob, parseJobs } from './jobmessages';
import type { DecisionAnswer, LogsAnswer, PredictionsAnswer, Problem } from './messages';
import { parseDecision, parseLogs, parsePredictions, parseProblem } from './messages';
import { MessageError, record, text } from './parsing';
import { parseSource, type SourceAnswer } from './sourcemessages';
import type { DecisionAddress } from './tokens';

/** The server could not answer; `problem` is what to show. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

/** The questions to the server extension. Each rejects with a `ProblemError` and nothing else. */
export class AuditLabClient {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  logs(): Promise<LogsAnswer> {
    return this.ask('logs', {}, parseLogs);
  }

  predictions(log: string, search: string, limit: number): Promise<PredictionsAnswer> {
    return this.ask('predictions', { log, search, limit: String(limit) }, parsePredictions);
  }

  decision(address: DecisionAddress): Promise<DecisionAnswer> {
    return this.ask('decision', { log: address.log, id: address.reference }, parseDecision);
  }

  /** The stored rows behind a decision. */
  source(address: DecisionAddress): Promise<SourceAnswer> {
    return this.ask('source', { log: address.log, id: address.reference }, parseSource);
  }

  lineage(address: DecisionAddress): Promise<LineageAnswer> {
    return this.ask('lineage', { log: address.log, id: address.reference }, parseLineage);
  }

  letter(log: string, clues: Record<string, string>): Promise<LetterAnswer> {
    return this.ask('letter', { log, ...clues }, parseLetter);
  }

  cases(): Promise<CasesAnswer> {
    return this.ask('cases', {}, parseCases);
  }

  /** Write a notebook that begins an investigation, and return its path. */
  investigate(asked: Record<string, string>): Promise<string> {
    const request = { method: 'POST', body: JSON.stringify(asked) };
    return this.ask('notebooks', {}, answer => text(record(answer, 'answer'), 'path'), request);
  }

  jobs(): Promise<Job[]> {
    return this.ask('jobs', {}, parseJobs);
  }

  job(id: string): Promise<Job> {
    return this.ask(`jobs/${id}`, {}, parseJob);
  }

  begin(asked: Asked): Promise<Job> {
    return this.ask('jobs', {}, parseJob, { method: 'POST', body: JSON.stringify(asked) });
  }

  cancel(id: string): Promise<Job> {
    return this.ask(`jobs/${id}`, {}, parseJob, { method: 'DELETE' });
  }

  private async ask<T>(
    question: string,
    parameters: Record<string, string>,
    parse: (answer: unknown) => T,
    request: RequestInit = {}
  ): Promise<T> {
    const address = URLExt.join(this.settings.baseUrl, 'audit-lab', 'api', question);
    try {
      const response = await ServerConnection.makeRequest(
        address + URLExt.objectToQueryString(parameters),
        request,
        this.settings
      );
      const answer: unknown = await response.json();
      if (response.ok) {
        return parse(answer);
      }
      throw new ProblemError(problemIn(answer, response.status));
    } catch (error) {
      throw error instanceof ProblemError ? error : new ProblemError(problemOf(error));
    }
  }
}

/** Whether a part of the extension, which is fetched when it is first needed, did not come. */
export function isNotFetched(error: unknown): boolean {
  return error instanceof Error && error.name === 'ChunkLoadError';
}

/** The problem to show for anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (isNotFetched(error)) {
    return problem(
      'A part of Audit Lab could not be fetched from the Jupyter server',
      'Check that the server still runs, then try again; reload the page where another audit_lab was installed meanwhile.'
    );
  }
  if (error instanceof ProblemError) {
    return error.problem;
  }
  if (error instanceof ServerConnection.NetworkError) {
    return problem('The Jupyter server did not answer', 'Check that it still runs, then refresh.');
  }
  if (error instanceof MessageError || error instanceof SyntaxError) {
    return problem(
      `The server's answer cannot be read: ${error.message}`,
      'The audit_lab on the server is of another version: reinstall it, then restart the server and reload this page.'
    );
  }
  return problem(String(error), 'Try again; the log of the Jupyter server says more.');
}

/** The problem in an answer that is not one of ours where the server itself refused or failed. */
function problemIn(answer: unknown, status: number): Problem {
  try {
    return parseProblem(answer);
  } catch {
    return status === 403
      ? problem('The Jupyter server refused the request', 'Log in again, or ask who runs the server for access.')
      : problem(
          `The Jupyter server answered with status ${status}`,
          status === 404
            ? 'Its audit_lab extension is not enabled: check with "jupyter server extension list", then restart it.'
            : 'The log of the Jupyter server says why.'
        );
  }
}

function problem(message: string, nextStep: string): Problem {
  return { message, next_step: nextStep, places: [] };
}
