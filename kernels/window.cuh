// A window that moves over images, for convolutions and pooling: which pixels it has at a place, and which windows
// cover a pixel.
//
// An image is (h, w, c): pixel by pixel, a row of pixels after the other, the channels of a pixel adjacent. The window
// has rows x columns pixels and is at h' x w' places, with
//
//     h' = floor((h - rows + 2 padding + stride) / stride)          "2-D Convolution Layer with Stride and Padding"
//
// and likewise w'. At place (u, v), its pixel (i, j) is (u stride - padding + i, v stride - padding + j) of the image,
// or outside. As padding is below rows and columns, every place has a pixel in the image. An image and what a window
// makes of it have less than 2^31 numbers each, and so have the places of a minibatch and a patch, which are sides of a
// matrix.
#pragma once
#include "pack.cuh"

// The rows of the image, the window and its places, or the columns.
struct Axis {
    int pixels, size, stride, padding, places;

    __device__ Axis(int pixels, int size, int stride, int padding)
        : pixels(pixels), size(size), stride(stride), padding(padding),
          places((pixels - size + 2 * padding + stride) / stride) {}

    // Where the window begins: below 0 if that is outside of the image.
    __device__ int start(int place) const { return place * stride - padding; }

    // The pixels of the window that are in the image: first_inside .. end_inside - 1.
    __device__ int first_inside(int place) const { return max(0, -start(place)); }
    __device__ int end_inside(int place) const { return min(size, pixels - start(place)); }

    // The pixels of the window by which it covers a pixel of the image, at one place or another: first_covering,
    // first_covering + stride, ... below end_covering; i covers it at the place covering(pixel, i).
    __device__ int first_covering(int pixel) const {
        const int at_last_place = pixel - start(places - 1);
        return at_last_place > 0 ? at_last_place : (pixel + padding) % stride;
    }
    __device__ int end_covering(int pixel) const { return min(size, pixel + padding + 1); }
    __device__ int covering(int pixel, int i) const { return (pixel + padding - i) / stride; }

    // The places at which pixel i of the window is in the image: first_place .. end_place - 1.
    __device__ int first_place(int i) const { return max(0, (padding - i + stride - 1) / stride); }
    __device__ int end_place(int i) const {
        const int last = pixels - 1 + padding - i;  // where the window begins, counted from the padding's edge
        return last < 0 ? 0 : min(places, last / stride + 1);
    }
};

// A row, a column and a channel: of an image, or of the places of a window.
struct Spot {
    int row, column, channel;

    // Number q, where a row has `columns` columns of `channels` channels.
    __device__ Spot(int q, int columns, int channels)
        : row(q / channels / columns), column(q / channels % columns), channel(q % channels) {}
};

struct Window {
    Axis rows, columns;
    int channels;

    __device__ Window(int h, int w, int c, int rows, int columns, int stride, int padding)
        : rows(h, rows, stride, padding), columns(w, columns, stride, padding), channels(c) {}

    __device__ int places() const { return rows.places * columns.places; }
    __device__ int pixels() const { return rows.size * columns.size; }
    __device__ int numbers_of_image() const { return rows.pixels * columns.pixels * channels; }

    // Where the channels of a pixel begin in the image.
    __device__ int pixel(int row, int column) const { return (row * columns.pixels + column) * channels; }

    // Call body(i, pixel) for each pixel i of the window at place (u, v) that is in the image, in order.
    template <class Body>
    __device__ void for_each_inside(int u, int v, Body body) const {
        for (int i = rows.first_inside(u); i < rows.end_inside(u); ++i)
            for (int j = columns.first_inside(v); j < columns.end_inside(v); ++j)
                body(i * columns.size + j, pixel(rows.start(u) + i, columns.start(v) + j));
    }

    // Call body(i, u, v) for each pixel i of the window, in order, that covers the pixel (row, column), at (u, v).
    template <class Body>
    __device__ void for_each_covering(int row, int column, Body body) const {
        for (int i = rows.first_covering(row); i < rows.end_covering(row); i += rows.stride)
            for (int j = columns.first_covering(column); j < columns.end_covering(column); j += columns.stride)
                body(i * columns.size + j, rows.covering(row, i), columns.covering(column, j));
    }

    // Call body(place, pixel) for each place at which the pixel (i, j) of the window is in the image, in order: in the
    // rows of places first, first + step, ... of those.
    template <class Body>
    __device__ void for_each_place_of(int i, int j, int first, int step, Body body) const {
        for (int u = rows.first_place(i) + first; u < rows.end_place(i); u += step)
            for (int v = columns.first_place(j); v < columns.end_place(j); ++v)
                body(u * columns.places + v, pixel(rows.start(u) + i, columns.start(v) + j));
    }
};
