/** Loads pictures into `img` elements: by URL, or with an API key by a request and a blob. */
import { key, request } from './api.js';
import { recordPath } from './store.js';

const WIDTHS = [320, 640];

/** The thumbnail that is sharp at `width` CSS pixels. */
export function thumbnail(hit, width) {
  const wanted = width * Math.min(devicePixelRatio || 1, 2);
  const size = WIDTHS.find((one) => one >= wanted * 0.85) ?? WIDTHS.at(-1);
  const base = hit.thumbnail || recordPath(hit.id, 'thumbnail');
  return `${base}${base.includes('?') ? '&' : '?'}width=${size}`;
}

/**
 * Shows `address` in `image`, which gets the class `here` once it is loaded.
 * @param {HTMLImageElement} image
 * @param {string} address
 * @param {() => void} missing runs if there is no picture
 */
export function show(image, address, missing = () => {}) {
  image.onload = () => image.classList.add('here');
  image.onerror = missing;
  if (image.getAttribute('src') === address && image.complete) {
    if (image.naturalWidth) image.onload();
    else missing();
    return;
  }
  if (!key()) {
    if (image.getAttribute('src') !== address) image.src = address;
    return;
  }
  blobAddress(address).then((blob) => {
    image.onload = () => {
      image.classList.add('here');
      URL.revokeObjectURL(blob);
    };
    image.src = blob;
  }, missing);
}

/**
 * A `blob:` URL of the content of `address`, which the caller revokes. With `safely`, it is empty for content that a browser
 * would run with the rights of this page.
 */
export async function blobAddress(address, safely = false) {
  const blob = await (await request(address)).blob();
  const safe = /^image\/(?!svg)/.test(blob.type);
  return safely && !safe ? '' : URL.createObjectURL(blob);
}

/** The hit's own URL, if it is http or https. */
export function webAddress(hit) {
  try {
    const { protocol, href } = new URL(hit.url ?? '');
    return protocol === 'http:' || protocol === 'https:' ? href : '';
  } catch {
    return '';
  }
}

/** The URL of the original: on the web or on this server; empty if there is none. */
export function original(hit) {
  if (hit.url) return webAddress(hit);
  return hit.path ? recordPath(hit.id, 'original') : '';
}

/** Opens the original in a new tab without a referrer. */
export async function openOriginal(hit) {
  const address = original(hit);
  if (!address) return;
  if (hit.url || !key()) return follow(address, { target: '_blank' });
  const blob = await blobAddress(address, true);
  if (blob) follow(blob, { target: '_blank' });
  else await download(hit, 'picture');
}

/** Saves the original under its own name. */
export async function download(hit, name) {
  const address = original(hit);
  if (!address) return;
  if (hit.url) return follow(address, { target: '_blank' });
  follow(key() ? await blobAddress(address) : address, { download: name });
}

function follow(address, properties) {
  const link = Object.assign(document.createElement('a'), { href: address, rel: 'noopener noreferrer', ...properties });
  document.body.append(link);
  link.click();
  link.remove();
}
