// Rows of photos, as the style sheet's flex boxes make them: filled from the left, then stretched to the same width.

/** How much the space after the last row's photos grows, against each photo by its ratio; see .grid::after. */
const REST = 1000;

/**
 * Where the rows of photos begin, and how high the pictures in each are, given their ratios (width over height).
 * `size` has the width of all, the least height of a row, the gap, and how many times that height it may have at most.
 */
export function rows(ratios, size) {
  const firsts = [];
  const heights = [];
  let first = 0;
  let sum = 0;
  const end = (next, last) => {
    const count = next - first;
    const free = size.width - sum * size.row - (count - 1) * size.gap;
    const rest = free - size.gap - size.row;
    firsts.push(first);
    if (last && rest >= 0) heights.push(size.row + rest / (REST + sum));
    else heights.push(Math.min((size.width - (count - 1) * size.gap) / sum, size.most * size.row));
    first = next;
    sum = 0;
  };
  for (let i = 0; i < ratios.length; i += 1) {
    if (i > first && (sum + ratios[i]) * size.row + (i - first) * size.gap > size.width) end(i, false);
    sum += ratios[i];
  }
  if (first < ratios.length) end(ratios.length, true);
  return { firsts, heights };
}

/** The last place in an ordered list whose value is no more than this one; 0 if there is none. */
export function lastUpTo(values, value) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (values[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
