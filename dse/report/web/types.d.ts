// What the scripts hand to each other, and as much of Plotly as they use.
import type { Coded, DesignTab, PageColumn, Part, SearchTab } from "./shapes.d.ts";

/** A value of a trial or of a design's parameter. */
export type Setting = Coded["values"][number];
/** A value of a table. */
export type Cell = Setting | undefined;

/** What `el` puts into an element; nothing for null, undefined and false. */
export type Child = Node | string | null | undefined | false;
export type Content = (Child | Child[])[];

type Listeners = {
  onclick?: (event: MouseEvent) => void;
  onkeydown?: (event: KeyboardEvent) => void;
  onchange?: (event: Event & { target: HTMLInputElement }) => void;
};
/** Attributes of an element, and its listeners. */
export type Attributes = Listeners & {
  [name: string]: string | number | boolean | null | undefined | Listeners[keyof Listeners];
};

/** A trial that is drawn: row `i` of its search's trials. */
export interface Point {
  key: string;
  search: SearchTab;
  i: number;
  trial: number;
  kind: string;
}

/** A design as the page shows it: of the front, a run, or what is known of another trial. */
export type ShownDesign = DesignTab;

/** Energies or areas: which lists of a design hold parts. */
export type Whole = "energy" | "area";
/** A figure of a part that adds up. */
export type PartValue = keyof Pick<Part, "value" | "low" | "high">;

/** What the tab Front shows: names of objectives on the axes, filters and limits. */
export interface View {
  x: string;
  y: string;
  colour: string;
  size: string;
  logX: boolean;
  logY: boolean;
  formats: Set<string>;
  models: Set<string>;
  limits: Record<string, number>;
  dominated: boolean;
  misses: boolean;
  published: boolean;
}
/** Keys of those entries of `View` that have a value of this type. */
export type ViewKey<T> = { [K in keyof View]: View[K] extends T ? K : never }[keyof View];

/** The points that pass the filters, by what they are among each other. */
export interface Groups {
  front: Point[];
  dominated: Point[];
  misses: Point[];
}

/** A tab of the page. */
export interface Tab {
  name: string;
  title: string;
  build: () => Content;
  /** Whether there is something to show. */
  when: boolean;
  /** Built once and kept, instead of anew whenever it is opened. */
  kept?: boolean;
  /** Called once, after the first drawing. */
  drawn?: () => void;
}

/** Data that a figure or a table saves as CSV. */
export interface Data {
  columns: PageColumn[];
  rows: Cell[][];
}

/** One drawing of a figure. */
export interface Figure extends Data {
  name: string;
  title: string;
  caption: string;
  /** In Plotly's terms, as is the layout. */
  traces: object[];
  layout: Layout;
  /** Whether Plotly's bar of buttons appears. */
  bar?: boolean;
}

export interface Layout {
  xaxis?: object;
  yaxis?: object;
  [name: string]: unknown;
}

/** An axis as Plotly has drawn it. */
interface DrawnAxis {
  range: [number, number];
}

/** The element of a figure, in which Plotly draws. */
export interface Plot extends HTMLElement {
  /** Makes the figure of the moment. */
  make: () => Figure;
  /** There once it is drawn. */
  data?: object[];
  layout?: { xaxis: DrawnAxis; yaxis: DrawnAxis };
  on(event: "plotly_click", listener: (click: PlotClick) => void): void;
}

interface PlotClick {
  event: MouseEvent;
  points: [{ customdata?: string }];
}

interface PlotlyLibrary {
  react(plot: Plot, traces: object[], layout: object, config: object): Promise<Plot>;
  relayout(plot: Plot, changes: object): Promise<Plot>;
  purge(plot: Plot): void;
}

declare global {
  /** In the page before the scripts. */
  const Plotly: PlotlyLibrary;
}
