/*
 * Preloaded into the command: reads and writes of files and pipes give and take fewer bytes than
 * asked for, as a kernel may; and one write of many can fail, after half of it was written.
 *
 * SHORT_SEED=N        shortens, from this seed
 * FAIL_WRITE=N        fails the Nth write to a file, counted over all threads, with FAIL_ERRNO
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

static atomic_ulong state;
static atomic_long writes;
static unsigned long seed;
static long failing;
static int reason;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("SHORT_SEED");
  seed = text ? strtoul(text, 0, 10) + 1 : 0;
  atomic_store(&state, seed);
  text = getenv("FAIL_WRITE");
  failing = text ? atol(text) : 0;
  text = getenv("FAIL_ERRNO");
  reason = text ? atoi(text) : EIO;
}

/*
 * Descriptors of the runtime, such as those that wake threads, want all of it, and so do its own
 * looks at the system (procfs, sysfs, cgroup2).
 */
static int counts(int fd) {
  struct stat found;
  struct statfs system;
  int before = errno;
  int known = fstat(fd, &found) == 0 && fstatfs(fd, &system) == 0;
  errno = before;
  if (!known || !(S_ISREG(found.st_mode) || S_ISFIFO(found.st_mode))) return 0;
  return system.f_type != 0x9fa0 && system.f_type != 0x62656572 && system.f_type != 0x63677270;
}

static int is_file(int fd) {
  struct stat found;
  return fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

static size_t shorter(int fd, size_t asked) {
  if (!seed || asked < 2 || !counts(fd)) return asked;
  unsigned long mixed = atomic_fetch_add(&state, 0x9e3779b97f4a7c15ul);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ul;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebul;
  mixed ^= mixed >> 31;
  /* One call in four is let through whole */
  return mixed % 4 == 0 ? asked : 1 + (mixed >> 8) % (asked - 1);
}

static int fails(int fd, size_t asked) {
  return failing && asked > 0 && is_file(fd) && atomic_fetch_add(&writes, 1) + 1 == failing;
}

#define REAL(type, name, ...)                              \
  static type (*real)(__VA_ARGS__);                        \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t read(int fd, void *into, size_t asked) {
  REAL(ssize_t, "read", int, void *, size_t);
  return real(fd, into, shorter(fd, asked));
}

ssize_t pread64(int fd, void *into, size_t asked, off64_t at) {
  REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
  return real(fd, into, shorter(fd, asked), at);
}

ssize_t pread(int fd, void *into, size_t asked, off_t at) { return pread64(fd, into, asked, at); }

ssize_t write(int fd, const void *bytes, size_t asked) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (!fails(fd, asked)) return real(fd, bytes, shorter(fd, asked));
  if (asked > 1) (void)!real(fd, bytes, asked / 2);
  errno = reason;
  return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t asked, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  if (!fails(fd, asked)) return real(fd, bytes, shorter(fd, asked), at);
  if (asked > 1) (void)!real(fd, bytes, asked / 2, at);
  errno = reason;
  return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t asked, off_t at) {
  return pwrite64(fd, bytes, asked, at);
}
