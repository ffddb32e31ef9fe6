// Pictures of images, asked for by their index. A picture is decoded before it is shown.

const KEPT = 32; // decoded pictures
const cache = new Map(); // url -> promise of an image element
let trial = "";

/** Sets the trial whose images are meant: it is part of each address, so that no other trial's are shown. */
export function picturesOf(id) {
  if (id !== trial) cache.clear();
  trial = id;
}

/** Returns the address of a picture: "small", "large" or "full". */
export const pictureUrl = (index, size) => `/image/${index}/${size}?trial=${encodeURIComponent(trial)}`;

/** Returns a promise of a decoded image element. */
export function picture(index, size = "large") {
  const url = pictureUrl(index, size);
  if (cache.has(url)) {
    const found = cache.get(url);
    cache.delete(url);
    cache.set(url, found); // the newest at the end
    return found;
  }
  const image = new Image();
  image.src = url;
  image.decoding = "sync";
  image.draggable = false;
  const loaded = image.decode().then(() => image);
  cache.set(url, loaded);
  loaded.catch(() => cache.delete(url));
  if (cache.size > KEPT) cache.delete(cache.keys().next().value);
  return loaded;
}
