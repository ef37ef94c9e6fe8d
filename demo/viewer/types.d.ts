// The shapes that pass between the browser and demo/explorer.py, and between the viewer's own files.

/** Row and column. */
export type Place = [number, number];

/** First row, first column, rows, columns. */
export type Box = [number, number, number, number];

export interface Size {
  height: number;
  width: number;
}

/** A part of the image, in its pixels. */
export interface Region extends Size {
  top: number;
  left: number;
}

// --- The message from Python ---------------------------------------------------------------------------------

export interface Message {
  /** Names the image with its ground truth and the network. */
  key: string;
  threshold: number;
  /** Changes when Python moves the threshold or the view; while it stays, the browser keeps its own. */
  revision: number;
  /** How often the page around the viewer was drawn. */
  drawn: number;
  /** What a link says of the image and the weights. */
  link: Record<string, string | null>;
  view: Partial<ViewState> | null;
  /** The card's threshold. */
  chosen: number;
  response: Response | null;
  /** The `id` of the last request that Python heard; null where it keeps no account. */
  heard: number | null;
  /** These are null where the browser has the image already. */
  image: SentImage | null;
  network: Network | null;
  palette: Palette | null;
  /** The link of every step of the lesson. */
  lesson: string[] | null;
}

/** Arrays have a value a pixel, row by row. */
export interface SentImage extends Size {
  name: string;
  grey: Uint8Array;
  /** Of salt, from 0 to 1. */
  probability: Float32Array;
  /** Not 0 where there is salt. */
  truth: Uint8Array | null;
  /** Not 0 where there is no section. */
  margin: Uint8Array | null;
  /** What was guessed of the file. */
  guessed: string[];
  /** Python's to open it. */
  code: string;
}

/** A place in the network whose activations can be looked at; `stride` is how many pixels a value covers a side. */
export interface Site {
  name: string;
  channels: number;
  stride: number;
}

/** unet.model.UNetConfig. */
export interface NetworkConfig {
  width: number;
  depth: number;
  block: "plain" | "residual";
  upsample: "bilinear" | "transposed";
  encoder: "blocks" | "efficientnet-lite0";
}

export interface Network {
  config: NetworkConfig;
  sites: Site[];
  /** What can be cut: the skips, and the bottleneck. */
  parts: string[];
  /** Side of the theoretical receptive field, in pixels. */
  field: number;
  /** How many weights there are. */
  parameters: number;
  /** Names of the images whose skips may stand in for what is cut. */
  samples: string[];
  /** Largest side of the opened window. */
  window: number;
  /** What of the validation pixels with a probability was salt, for both ways to predict; empty where nobody counted. */
  calibration: { plain: CalibrationBin[]; tta: CalibrationBin[] };
  /** Of the snapshots, earliest first; without the finished network's. */
  epochs: number[];
  /** How many epochs the finished network learned for; 0 where nobody knows. */
  learned: number;
  /** Weights that can be put beside these. */
  others: { name: string; label: string; code: string }[];
  /** Of the samples, in their order. */
  seeds: number[];
  /** Python's to load the weights. */
  code: string;
}

/** Of the validation pixels with a probability from `low` to `high`, so many, this share was salt. */
export interface CalibrationBin {
  low: number;
  high: number;
  share: number;
  pixels: number;
}

/** Colours as red, green, blue, red, ...; `salt` is one. */
export interface Palette {
  sequential: Uint8Array;
  diverging: Uint8Array;
  salt: number[];
}

// --- Requests and responses ----------------------------------------------------------------------------------

export type Request =
  | { kind: "image" }
  | { kind: "maps"; cuts: string[]; fill: string; random?: boolean }
  | { kind: "maps"; cuts: string[]; fill: string; sample: string; window: Place; input: "" }
  | { kind: "cuts"; fill: string }
  | { kind: "effects"; site: string; first: number; count: number }
  | { kind: "predict"; input?: string }
  | { kind: "pixel"; box: Box; random?: boolean }
  | { kind: "smooth"; box: Box; samples: number; seed: number; random?: boolean }
  | { kind: "faithfulness"; box: Box; seed: number | null; random?: boolean }
  | { kind: "tta" }
  | { kind: "uncertainty" }
  | { kind: "epochs"; epoch: null; random: false }
  | { kind: "formed"; site: string; channel: number; epoch: null; random: false }
  | { kind: "dossier"; site: string; channel: number; random: false; epoch: null; input: ""; window: Place }
  | { kind: "other"; weights: string };

/** What every request says besides. */
export type SentRequest = Request & { id: number; key: string | null; window: Place } & OfNetwork;

/** Which network responds, and what it sees. */
export interface OfNetwork {
  random: boolean;
  /** Of the snapshot; null is the finished network. */
  epoch: number | null;
  /** The window's grey as it was changed, a byte a pixel in Base64; empty for the image's own. */
  input: string;
}

export type Response = { id: number | null; error?: string } & Record<string, any>;

/** Maps one after another, each in 256 levels between its own lowest and highest value. */
export interface Maps extends Size {
  values: Uint8Array;
  low: Float32Array;
  high: Float32Array;
  channels: number;
}

/** Several probabilities of the window, as twelve bits in two planes. */
export interface Planes extends Size {
  high: Uint8Array;
  low: Uint8Array;
}

/** Of every combination of cuts. */
export interface CutsResponse extends Planes {
  parts: string[];
}

/** Of every snapshot, and last of the finished network. */
export interface EpochsResponse extends Planes {
  /** The IoU of the validation tiles; NaN where it is not known. */
  validation: Float32Array;
}

export interface PixelResponse {
  /** Of the logit by every pixel of the window. */
  gradient: Float32Array;
  /** Where 50 and 90 per cent of the influence come from. */
  boxes: Record<string, Box>;
  /** Grad-CAM by site. */
  cams: Record<string, Size & { values: Float32Array }>;
  logit: number;
  probability: number;
}

/** The probability of the box with a share of the image blurred, and with that share alone not blurred. */
export interface Faithfulness {
  shares: Float32Array;
  deletion: Float32Array;
  insertion: Float32Array;
  /** How far from the answer they are on average; a better order has more of the one and less of the other. */
  deletion_area: number;
  insertion_area: number;
}

/** How far the probability of every pixel of the window moves under flips and small shifts: its standard deviation. */
export interface Uncertainty extends Size {
  spread: Float32Array;
}

/** What other weights say of the whole image. */
export interface OtherWeights {
  name: string;
  label: string;
  threshold: number;
  probability: Float32Array;
}

/** A tile that excites a channel, and the pixel and the activation where it does most; `grey` is null where it is not there. */
export interface DossierTile extends Size {
  /** Of a synthetic tile. */
  seed: number | null;
  /** Of a labelled tile. */
  id: string | null;
  /** What a link calls a labelled tile. */
  sample: string | null;
  value: number;
  row: number;
  column: number;
  grey: Uint8Array | null;
}

/** A number for each amount of change; see unet.explain.dossier. */
export interface ResponseCurve {
  activation: (number | null)[];
  correlation: (number | null)[];
}

/** A mean over tiles, and its 95 % interval. */
export type DossierEstimate = [number, number, number];

export interface DossierFound {
  dead: boolean;
  highest: number;
  active: number;
  /** The most similar map of the site, and the correlation. */
  nearest: [number, number] | null;
  gain: ResponseCurve;
  shift: ResponseCurve;
  rotation: ResponseCurve;
  effect: { change: DossierEstimate; iou: DossierEstimate } | null;
}

export interface DossierBasis {
  synthetic: number;
  real: { split: string; count: number } | null;
  effect_of: string;
  effect_tiles: number;
  sections: number;
  gains: number[];
  shifts: number[];
  angles: number[];
}

export interface DossierResponse {
  site: string;
  /** The site whose maps these are. */
  source: string;
  channel: number;
  channels: number;
  /** By the effect, from 1. */
  rank: number | null;
  is_double: boolean;
  found: DossierFound;
  basis: DossierBasis;
  synthetic: DossierTile[];
  real: DossierTile[];
}

export interface Responses {
  image: object;
  /** The grey is that of the sample; null for the open image. */
  maps: { sites: Record<string, Maps>; grey: Uint8Array | null };
  cuts: CutsResponse;
  /** Of the window. */
  predict: { probability: Float32Array };
  effects: { site: string; effect: Float32Array };
  pixel: PixelResponse;
  smooth: { gradient: Float32Array };
  faithfulness: Faithfulness;
  /** Of the whole image, averaged with the mirrored image. */
  tta: { probability: Float32Array };
  uncertainty: Uncertainty;
  epochs: EpochsResponse;
  /** Of one channel, by every snapshot and last by the finished network. */
  formed: { maps: Maps };
  other: OtherWeights;
  dossier: DossierResponse;
}

// --- The explorer --------------------------------------------------------------------------------------------

/** What a user chose; a link and a session file keep a part of it, see state.js. */
export interface ViewState {
  /** The panel below the network that is open. */
  tab: string;
  threshold: number;
  look: string;
  opacity: number;
  /** Whether the mask is compared with the ground truth. */
  truth: boolean;
  /** Where the plain image ends, as a share of the width. */
  swipe: number | null;
  /** The pixel under the mouse. */
  hover: Place | null;
  pixel: Place | null;
  /** The marked box around the pixel. */
  box: Box | null;
  /** The opened site. */
  layer: string | null;
  channel: number | null;
  sort: string;
  /** One colour scale for all maps of a site. */
  shared: boolean;
  cuts: string[];
  /** What stands in place of what is cut. */
  fill: string;
  random: boolean;
  /** Of the snapshot that responds; null is the finished network. */
  epoch: number | null;
  /** How the input was changed; empty where it was not. */
  edits: string;
  /** Whether the image's probability is averaged with that of the mirrored image (test-time augmentation). */
  tta: boolean;
  /** The name of the weights beside the chosen ones. */
  other: string | null;
  /** The step of the lesson that is open, from 1. */
  lesson: number | null;
  /** The place whose alike are looked for in the opened site; null while none are. */
  alike: Place | null;
  /** Whether the image takes the width of the page. */
  wide: boolean;
  /** What the last gesture found, in one sentence. */
  answer: string;
  /** What was undone or redone, in one sentence; empty after the next gesture. */
  undone: string;
  /** First row and column of the opened window. */
  window: Place | null;
  overlay: Overlay | null;
  frames: Frame[];
}

/** A panel's canvas over a part of the image. */
export interface Overlay extends Region {
  owner: string;
  canvas: HTMLCanvasElement;
  smooth: boolean;
  label: string;
  /** What its colours mean, and from which value to which they go. */
  scale?: { colors: Uint8Array; low: string; high: string; quantity: string };
  /** What it says at a pixel of the image; empty where it says nothing. */
  read?: (place: Place) => string;
  /** Parts of the image that belong to it. */
  frames?: Frame[];
}

export interface Frame extends Region {
  label: string;
  dashed: boolean;
}

export interface OpenImage extends SentImage {
  key: string;
  chosen: number;
  /** How many pixels are section. */
  section: number;
}

/** What the image shows; `altered` where the network is cut, of an epoch or random, or where the input is changed. */
export interface Shown {
  probability: Float32Array;
  highest: number;
  altered: boolean;
  /** Whether it is averaged with the mirrored image. */
  tta: boolean;
  /** Names image, window, weights and cuts. */
  scene: string;
}

export interface CutTable extends Size {
  parts: string[];
  /** Of the window; bit i of the index says whether parts[i] is cut. */
  probability(index: number): Float32Array;
}

/** By epoch of the snapshot; null is the finished network. */
export interface EpochTable {
  /** Of the window, on its input as it is now. */
  probability(epoch: number | null): Float32Array;
  /** The IoU of the validation tiles; NaN where it is not known. */
  validation(epoch: number | null): number;
}

/** What all panels share.  Image, network, palette, window and shown are there before a panel is built. */
export interface Explorer {
  readonly state: ViewState;
  /** The name of the chosen weights. */
  readonly weights: string;
  /** Whether there is no server: a page in one file. */
  readonly offline: boolean;
  /** The image that a link names; null where none can. */
  readonly sample: string | null;
  /** The link of every step of the lesson. */
  lesson: string[];
  /** As edits leave it, inside the opened window; its probability stays the original's. */
  image: OpenImage;
  /** As it was opened. */
  original: OpenImage;
  network: Network;
  palette: Palette;
  window: Region;
  /** The opened window as it was changed, for a request; empty where it was not. */
  input: string;
  /** How many of the edits that a link brought were left out, because they cannot be read or do not fit the image. */
  unread: number;
  /** Whether a hand is changing the input: until it rests, only the mask is requested. */
  isMoving: boolean;
  /** The last one of the opened window, of a changed input or of another network; see network_values.js. */
  predicted: { probability: Float32Array; scene: string; asked: string } | null;
  predictedError: string | null;
  /** What dragging on the image does while the panel Touch is open. */
  hand: Hand | null;
  shown: Shown;
  /** null while it is computed. */
  maps: { sites: Record<string, Maps>; cuts: string } | null;
  cuts: CutTable | null;
  cutsError: string | null;
  /** Why the maps that were asked for last are not there; see mapsTrouble. */
  mapsError: string | null;
  /** null while it is computed or not wanted. */
  epochs: EpochTable | null;
  epochsError: string | null;
  /** null while it is computed or not wanted. */
  tta: Float32Array | null;
  uncertainty: Uncertainty | null;
  other: OtherWeights | null;
  otherError: string | null;
  /** settled: false while a hand is still moving. */
  set(changes: Partial<ViewState>, options?: { settled?: boolean }): void;
  request<R extends Request>(request: R): Promise<Responses[R["kind"]]>;
  /** Undo and redo of what was set with settled: true. */
  history: History;
  /** In the live region. */
  say(sentence: string): void;
  cutIndex(): number;
  /** Opens a panel and brings it into sight: what a gesture asked for is seen. */
  open(tab: string): void;
  /** Cuts a part of the network, or puts it back. */
  toggleCut(part: string): void;
  /** Opens the dialog with the code, or a figure, of a view: the name of a panel, or "image". */
  take(what: "python" | "figure", view: string): void;
}

/** A tool that follows a pointer on the image; places are row and column as fractions. */
export interface Hand {
  begin(place: Place): void;
  move(place: Place): void;
  end(): void;
  /** All is as before it began. */
  cancel(): void;
  /** Side of the brush in pixels; 0 where the tool has none. */
  brush(): number;
}

/** What would be undone and redone, and doing so. */
export type History = ReturnType<typeof import("./history.js").viewHistory>;

/**
 * Whether one of these changed: names of the state, and history, image, input (what is drawn of it), shown, predicted,
 * maps, cuts, uncertainty, otherWeights, window, rest (the hand rests that changed the input).
 */
export type Changed = (...names: string[]) => boolean;

/** Brings a panel up to date. */
export type Update = (has: Changed) => void;

export interface Callbacks {
  /** The network is needed; the response comes with a later message.  `drawn` is what the last message said. */
  request(request: SentRequest, drawn: number): void;
  /** A user has let go of something. */
  settled(state: object, drawn: number): void;
  /** Whether a message says the settled state back. */
  confirms?: boolean;
  /** Whether there is no server: a page in one file, which offers no lesson. */
  offline?: boolean;
}
