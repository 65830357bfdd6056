#include "bench/one_at_a_time.h"

#include "bench/clock.h"
#include "client/http_client.h"

namespace phoenix::bench {
namespace {

std::string_view between(std::string_view text, std::string_view before) {
  const size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + before.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

}  // namespace

struct OneAtATime::Impl {
  Client client;
  std::string create_body;
  std::string token;
};

OneAtATime::OneAtATime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OneAtATime::OneAtATime(OneAtATime&&) noexcept = default;
OneAtATime::~OneAtATime() = default;

Result<OneAtATime> OneAtATime::open(const std::string& url, const std::string& payload) {
  ClientOptions options;
  options.urls = {url};
  auto client = Client::create(options);
  if (!client) return tl::unexpected(client.error());
  const auto answer = client->post(
      "/v1/members",
      R"({"id":"worker-1","capabilities":["work"],"maxLoad":1000000,"leaseSeconds":3600})");
  if (!answer || !answer->ok()) return fail(ErrorKind::kInternal, "cannot register a member");
  std::string token(between(answer->body, "\"token\":\""));
  return OneAtATime(std::unique_ptr<Impl>(
      new Impl{.client = std::move(*client),
               .create_body = "{\"requiredCapabilities\":[\"work\"],\"payload\":" + payload + "}",
               .token = std::move(token)}));
}

double OneAtATime::packet_micros() {
  const Duration begin = wall_clock();
  const auto created = impl_->client.post("/v1/packets", impl_->create_body);
  if (!created || created->status != 201) return -1;
  Call complete;
  complete.method = "POST";
  complete.target = "/v1/packets/" + std::string(between(created->body, "\"id\":\"")) + "/complete";
  complete.body = R"({"epoch":1,"result":{"words":173}})";
  complete.token = impl_->token;
  const auto completed = impl_->client.call(complete);
  if (!completed || completed->status != 200) return -1;
  return in_micros(wall_clock() - begin);
}

double OneAtATime::livez_micros() {
  const Duration begin = wall_clock();
  for (int i = 0; i < 2; ++i) {
    const auto answer = impl_->client.get("/livez");
    if (!answer || answer->status != 200) return -1;
  }
  return in_micros(wall_clock() - begin);
}

}  // namespace phoenix::bench
