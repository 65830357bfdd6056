// Any bytes as the URL of a host, and as an address: either refused, or what is written reads back.
#include "client/url.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = phoenix::parse_url(text)) {
    const auto again = phoenix::parse_url(url->url);
    if (!again || again->url != url->url || again->host != url->host || again->port != url->port ||
        again->tls != url->tls || again->prefix != url->prefix ||
        again->authority != url->authority) {
      std::abort();
    }
    for (const char c : url->authority) {
      if (c == '\r' || c == '\n') std::abort();  // it becomes a header
    }
  }
  if (const auto address = phoenix::parse_address(text)) {
    const auto again = phoenix::parse_address(phoenix::to_string(*address));
    if (!again || *again != *address) std::abort();
  }
  return 0;
}
