/** Starts the page from its address. */

import "maplibre-gl/dist/maplibre-gl.css";
import "./styles/base.css";
import "./styles/map.css";
import "./styles/panel.css";
import "./styles/controls.css";
import "./styles/months.css";
import "./styles/legend.css";
import "./styles/value.css";
import "./styles/area.css";
import "./styles/chart.css";
import "./styles/regions.css";
import "./styles/districts.css";
import "./styles/parcels.css";
import "./styles/route.css";
import "./styles/swipe.css";
import "./styles/change.css";
import "./styles/screens.css";
import type { Map as MapLibreMap } from "maplibre-gl";
import { element } from "./dom";
import { readLink } from "./link";
import { createMap } from "./map";
import { Notice } from "./notice";
import { Page } from "./page";

function start(): void {
  const notice = new Notice();
  const link = readLink(location.hash);
  let map: MapLibreMap;
  try {
    map = createMap(link.view);
  } catch (error) {
    console.error(error);
    element("waiting", HTMLParagraphElement).hidden = true;
    notice.show("This browser cannot show the map because WebGL 2 is unavailable or turned off.", () => location.reload());
    return;
  }
  void new Page(map, notice).start(link);
}

start();
