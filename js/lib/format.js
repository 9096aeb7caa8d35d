// Numbers as a reader sees them.

/** `digits` significant digits, no exponent between 0.001 and 999999, a real minus sign. */
export function number(value, digits = 3) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "undefined";
  const size = Math.abs(value);
  let text;
  if (value === 0) text = "0";
  else if (size < 1e-3 || size >= 1e6) text = value.toExponential(digits - 1);
  else text = Number(value.toPrecision(digits)).toString();
  return text.replace(/-/g, "−");
}

/** A fixed number of decimals, for values that change under a slider and should not dance. */
export function fixed(value, decimals = 2) {
  return value.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}

/** A weight or share as a percentage: "84%", "<1%". */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<1%";
  if (share < 1 && share > 0.995) return ">99%";
  return `${Math.round(100 * share)}%`;
}
