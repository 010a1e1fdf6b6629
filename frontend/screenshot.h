/*
 * screenshot.h - a frame as a picture file.
 */
#ifndef FRONTEND_SCREENSHOT_H
#define FRONTEND_SCREENSHOT_H

#include "devices/host/display.h"
#include "mmu/base/err.h"

/**
 * screenshot_write() - write @f to @path: PNG if it ends in ".png", else PPM (binary, P6)
 * Return: VM_OK; VM_ERR_USAGE if the frame is empty; VM_ERR_IO, and no file is left behind.
 */
enum vm_err screenshot_write(const struct frame *f, const char *path, struct err *e);

/* screenshot_write_as() - PNG or PPM, whatever the name */
enum vm_err screenshot_write_as(const struct frame *f, const char *path, bool png, struct err *e);

#endif
