// The one screen of `phoenix status`, from what the host answered. Pure text.
#pragma once

#include <string>

#include "cli/json.h"

namespace phoenix::cli {

struct StatusFacts {
  std::string url;
  Json hosts;    // GET /v1/hosts, all pages
  Json members;  // GET /v1/members: those that need attention are named
  Json dma;      // GET /v1/dma
  Json ready;    // GET /readyz
  bool is_ready = false;
  int64_t now_ms = 0;
};

std::string status_screen(const StatusFacts& facts, bool color);

}  // namespace phoenix::cli
