// Draws the charts of a report. vegaEmbed comes from the bundle that this is put into; expressions are
// interpreted (ast), since the page's policy forbids to make code of text.
const specs = JSON.parse(document.getElementById("charts").textContent);
const options = {
  actions: false,
  ast: true,
  defaultStyle: false,
  renderer: "svg",
  tooltip: { disableDefaultStyle: true, theme: "burly" },
};

const whole = {};

function zoomed(view, factor) {
  const [begin, end] = view.scale("x").domain();
  const half = ((end - begin) * factor) / 2;
  const middle = (begin + end) / 2;
  return [Math.max(whole.begin, middle - half), Math.min(whole.end, middle + half)];
}

function connect(view) {
  [whole.begin, whole.end] = view.scale("x").domain();
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.parentElement.hidden = false;
    button.addEventListener("click", () => {
      const { zoom } = button.dataset;
      const domain = zoom === "all" ? [whole.begin, whole.end] : zoomed(view, Number(zoom));
      view.signal("zoom_begin", domain).run();
    });
  }
}

async function draw() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const { view } = await vegaEmbed(place, specs[place.dataset.chart], options);
    if (place.dataset.chart === "timeline") connect(view);
  }
  document.documentElement.dataset.drawn = "all";
}

draw();
