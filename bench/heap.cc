#include "bench/heap.h"

#include <malloc.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace phoenix::bench {
namespace {

// What is resident of the mappings that asked for huge pages: the ring's lines alone do.
double huge_pages() {
  std::ifstream maps("/proc/self/smaps");
  double total = 0;
  double resident = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.starts_with("Rss:")) resident = std::strtod(line.c_str() + 4, nullptr) * 1024;
    if (line.starts_with("VmFlags:") && line.find(" hg") != std::string::npos) total += resident;
  }
  return total;
}

}  // namespace

double allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) + huge_pages();
}

}  // namespace phoenix::bench
