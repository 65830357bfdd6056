// Any bytes, given to every decoder of what is signed: either refused, or the one encoding of what
// they say. The first byte says which decoder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "lineage/form/entry.h"
#include "lineage/form/shown_ticket.h"

namespace {

template <class S>
void check(std::string_view bytes) {
  const auto value = phoenix::lineage::decode<S>(bytes);
  if (value && phoenix::lineage::encode(*value) != bytes) std::abort();
}

void check_envelope(std::string_view bytes) {
  const auto envelope = phoenix::lineage::decode_envelope(bytes);
  if (envelope && phoenix::lineage::encode_envelope(*envelope) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Check = void (*)(std::string_view);
  namespace lineage = phoenix::lineage;
  constexpr Check kChecks[] = {
      check_envelope,
      check<lineage::Entry>,
      check<lineage::KeyGrant>,
      check<lineage::RegistrationProof>,
      check<lineage::HandoffOffer>,
      check<lineage::HandoffAcceptance>,
      check<lineage::Approval>,
      check<lineage::Completion>,
      check<lineage::Batch>,
      check<lineage::Ticket>,
      check<lineage::DrainCertificate>,
      check<lineage::Checkpoint>,
      check<lineage::ShownTicket>,
      check<lineage::KeyRequest>,
  };
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  kChecks[data[0] % std::size(kChecks)](bytes);
  return 0;
}
