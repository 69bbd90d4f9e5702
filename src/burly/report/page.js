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

// What the buttons of the timeline show: the whole run, its rounds alone, or more or less than now.
function connect(view) {
  const whole = view.scale("x").domain();
  const rounds = view.data("spans").filter((span) => span.phase);
  const wanted = {
    whole: () => whole,
    rounds: () => [Math.min(...rounds.map((span) => span.begin)), Math.max(...rounds.map((span) => span.end))],
    in: () => around(0.25),
    out: () => around(1),
  };
  function around(share) {
    const [begin, end] = view.scale("x").domain();
    const middle = (begin + end) / 2;
    const half = (end - begin) * share;
    return [Math.max(whole[0], middle - half), Math.min(whole[1], middle + half)];
  }
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.parentElement.hidden = false;
    button.hidden = button.dataset.zoom === "rounds" && rounds.length === 0;
    button.addEventListener("click", () => {
      view.signal("zoom_begin", wanted[button.dataset.zoom]()).run();
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
