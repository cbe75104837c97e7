/**
 * @param max the highest value; 0 if there is none.
 * @param steps how many lines there should be about.
 * @returns round values from 0 to above the highest one, with 1, 2 or 5 times a power of ten between them.
 */
export function valueTicks(max: number, steps: number): readonly number[] {
  if (max <= 0) return [0, 1];
  const raw = (max * 1.05) / steps;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((each) => each * power >= raw) ?? 10);
  const count = Math.ceil((max * 1.05) / step);
  return Array.from({ length: count + 1 }, (_, place) => place * step);
}

/** Round steps of time, in ms. */
const timeSteps = [5, 10, 15, 30, 60, 120, 300, 600].map((s) => s * 1000);

/**
 * @param from in ms since the epoch.
 * @param most how many labels have room.
 * @returns round times between two times.
 */
export function timeTicks(from: number, to: number, most: number): readonly number[] {
  const step = timeSteps.find((each) => (to - from) / each <= most) ?? 900_000;
  const ticks: number[] = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push(time);
  return ticks;
}
