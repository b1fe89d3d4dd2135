// Kinds of lines: colour and dash, so that neither is needed alone.

export const KIND = {
  picture: { colour: "#d55e00", dash: [] },
  burst: { colour: "#0072b2", dash: [7, 5] },
  name: { colour: "#009e73", dash: [2, 4] },
  own: { colour: "#8a6d00", dash: [12, 4, 2, 4] },
};
