import React from 'react';

import { score as written } from './format';
import { element } from './spelling';

const WIDTH = 480;
const EDGE = 4;
const BAR_TOP = 24;
const BAR_HEIGHT = 10;

/** A score on its scale, with the threshold that it was held against. Scales are 0 to 1, wider where a value lies outside. */
export function ScoreBar({ score, threshold }: { score: number; threshold: number | null }): React.JSX.Element {
  const from = Math.min(0, score, threshold ?? 0);
  const to = Math.max(1, score, threshold ?? 1);
  const place = (value: number): number => EDGE + ((value - from) / (to - from)) * (WIDTH - 2 * EDGE);
  const description =
    threshold === null
      ? `Score ${score}; no threshold recorded`
      : `Score ${score}, ${score >= threshold ? 'at or above' : 'below'} the threshold ${threshold}`;
  return (
    <svg aria-label={description} className="auditlab-ScoreBar" role="img" viewBox={`0 0 ${WIDTH} 56`}>
      <title>{description}</title>
      <rect className="auditlab-ScoreBar-track" height={BAR_HEIGHT} rx="2" width={WIDTH - 2 * EDGE} x={EDGE} y={BAR_TOP} />
      <rect
        className="auditlab-ScoreBar-score"
        height={BAR_HEIGHT}
        rx="2"
        width={Math.max(2, place(score) - place(from))}
        x={place(from)}
        y={BAR_TOP}
      />
      <text className="auditlab-ScoreBar-value" textAnchor={anchor(place(score))} x={place(score)} y={BAR_TOP - 6}>
        {written(score, threshold)}
      </text>
      <text textAnchor="start" x={EDGE} y={BAR_TOP + BAR_HEIGHT + 18}>
        {from}
      </text>
      <text textAnchor="end" x={WIDTH - EDGE} y={BAR_TOP + BAR_HEIGHT + 18}>
        {to}
      </text>
      {threshold !== null && (
        <>
          <line
            className="auditlab-ScoreBar-threshold"
            x1={place(threshold)}
            x2={place(threshold)}
            y1={BAR_TOP - 3}
            y2={BAR_TOP + BAR_HEIGHT + 4}
          />
          <text textAnchor="middle" x={inside(place(threshold))} y={BAR_TOP + BAR_HEIGHT + 18}>
            threshold {threshold}
          </text>
        </>
      )}
    </svg>
  );
}

/** Keep the threshold's label clear of those at the ends of the scale. */
function inside(x: number): number {
  return Math.max(64, Math.min(x, WIDTH - 64));
}

/** Keep a label inside the picture. */
function anchor(x: number): 'start' | 'middle' | 'end' {
  return x < 30 ? 'start' : x > WIDTH - 30 ? 'end' : 'middle';
}
