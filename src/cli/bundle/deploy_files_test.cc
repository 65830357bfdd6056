#include "cli/bundle/deploy_files.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

TEST(Units, WordsStandForThemselvesWhateverIsInThem) {
  EXPECT_EQ(unit_word("/opt/shop/shop-0.1.0.pflight"), "/opt/shop/shop-0.1.0.pflight");
  EXPECT_EQ(unit_word("/opt/my shop"), "\"/opt/my shop\"");
  EXPECT_EQ(unit_word("/opt/100%"), "\"/opt/100%%\"");
  EXPECT_EQ(unit_word("/opt/$HOME;"), "\"/opt/$HOME;\"");
  EXPECT_EQ(unit_word("a\"b\\"), "\"a\\\"b\\\\\"");
  EXPECT_EQ(unit_word(""), "\"\"");
}

TEST(Units, WaitForTheDrainOfTheApp) {
  DeployedApp app;
  app.name = "shop";
  app.drain_seconds = 100;
  const std::string unit = unit_text(app, {"/usr/bin/phoenix", "/b.pflight", "/keys"});
  EXPECT_NE(unit.find("\nTimeoutStopSec=115s\n"), std::string::npos);
  EXPECT_NE(unit.find("\nExecStart=:/usr/bin/phoenix run /b.pflight --keep --keys /keys\n"),
            std::string::npos);
}

}  // namespace
}  // namespace phoenix::cli
