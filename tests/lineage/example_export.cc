// Writes the export of a small pool into a folder, with the root's key and the checkpoints beside
// it, for verifiers that are written in other languages: `lineage_example_export DIR`.
#include <fstream>
#include <iostream>

#include "base/bytes_text.h"
#include "lineage/audit/test_pool.h"

int main(int argc, char** argv) {
  namespace lineage = phoenix::lineage;
  if (argc != 2) {
    std::cerr << "lineage_example_export DIR\n";
    return 2;
  }
  const std::string folder = argv[1];
  lineage::TestPool pool;
  const auto checkpoints = lineage::fill(pool);
  std::ofstream(folder + "/export", std::ios::binary) << pool.text();
  std::ofstream(folder + "/root.pub") << lineage::render_public(pool.roots()[0]);
  for (size_t i = 0; i < checkpoints.size(); ++i) {
    std::ofstream(folder + "/checkpoint-" + std::to_string(i))
        << phoenix::base64_text(checkpoints[i]) << "\n";
  }
  return 0;
}
