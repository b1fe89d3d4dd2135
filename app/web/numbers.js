// Numbers as people read them. Nothing here claims more digits than it was given.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export const count = (n) => grouped.format(n);

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A log10 likelihood ratio with its sign, never a minus zero. */
export function llr(value, digits = 1) {
  const rounded = Number(value.toFixed(digits)) + 0;
  return `${rounded < 0 ? "−" : "+"}${Math.abs(rounded).toFixed(digits)}`;
}

/** A probability in percent, two significant figures, and never 0 % or 100 %. */
export function percent(p) {
  const hundredfold = 100 * p;
  if (hundredfold <= 0) return "0 %";
  if (hundredfold < 0.001) return "< 0.001 %";
  if (hundredfold > 99.99) return "> 99.99 %";
  if (hundredfold > 99) return `${hundredfold.toFixed(2)} %`;
  return `${Number(hundredfold.toPrecision(2))} %`;
}

/** A probability as `1 in 2,000`, or in percent where that is plainer. */
export function oneIn(p) {
  return p > 0.3 ? percent(p) : `1 in ${count(Number((1 / p).toPrecision(2)))}`;
}

export function posterior(llrValue, prior) {
  const odds = (prior / (1 - prior)) * 10 ** llrValue;
  return odds / (1 + odds);
}

export const date = (text) => dates.format(new Date(text));

/** Seconds as `3 min`, `2 h`, `5 days`. */
export function duration(seconds) {
  const steps = [[86400, "day"], [3600, "h"], [60, "min"]];
  const step = steps.find(([size]) => seconds >= 1.5 * size);
  if (!step) return `${Math.max(1, Math.round(seconds))} s`;
  const n = Math.round(seconds / step[0]);
  return step[1] === "day" ? plural(n, "day") : `${n} ${step[1]}`;
}

export function bytes(n) {
  const steps = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  const step = steps.find(([size]) => n >= size);
  return step ? `${Number((n / step[0]).toPrecision(2))} ${step[1]}` : `${n} B`;
}
