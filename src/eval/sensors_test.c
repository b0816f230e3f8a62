/* Trees as the kernel documents them, written here; counters move while they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "eao/sensors.h"

static char root[] = "/tmp/eao_sysfs_XXXXXX";

static void put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
    *p = 0;
    mkdir(full, 0755);
    *p = '/';
  }
  FILE *f = fopen(full, "w");
  assert_non_null(f);
  fprintf(f, "%s\n", text);
  fclose(f);
}

static void fresh_tree(void) {
  char command[600];
  snprintf(command, sizeof command, "rm -rf %s", root);
  assert_int_equal(system(command), 0);
  mkdir(root, 0755);
}

static eao_meter *open_meter(eao_ctx *ctx) {
  eao_meter *m;
  assert_int_equal(eao_meter_open(ctx, root, &m), EAO_OK);
  return m;
}

/* Two packages with memory; a counter starts again at its range on the way. */
static void rapl(void **state) {
  eao_ctx *ctx = *state;
  fresh_tree();
  put("class/powercap/intel-rapl:0/name", "package-0");
  put("class/powercap/intel-rapl:0/energy_uj", "262143000000");
  put("class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");
  put("class/powercap/intel-rapl:0:0/name", "core"); /* part of the package */
  put("class/powercap/intel-rapl:0:0/energy_uj", "1000");
  put("class/powercap/intel-rapl:0:1/name", "dram");
  put("class/powercap/intel-rapl:0:1/energy_uj", "5000000");
  put("class/powercap/intel-rapl:0:1/max_energy_range_uj", "65712999613");
  put("class/powercap/intel-rapl:1/name", "psys"); /* the whole platform: it would count twice */
  put("class/powercap/intel-rapl:1/energy_uj", "7");
  put("class/hwmon/hwmon0/name", "ina226"); /* RAPL is preferred */
  put("class/hwmon/hwmon0/power1_input", "1000000");
  eao_meter *m = open_meter(ctx);
  assert_int_equal(eao_meter_get(m), EAO_METER_RAPL);
  assert_string_equal(eao_meter_name(m), "RAPL package-0 dram");
  eao_meter_start(m);
  put("class/powercap/intel-rapl:0/energy_uj", "671150"); /* 1,000,000 uJ further */
  put("class/powercap/intel-rapl:0:1/energy_uj", "5250000");
  assert_true(fabs(eao_meter_stop(m) - 1250) < 1e-6);
  eao_meter_close(m);
}

/* A rail with power, one with voltage and current only (Jetson's INA3221), one with energy. */
static void hwmon(void **state) {
  eao_ctx *ctx = *state;
  fresh_tree();
  put("class/hwmon/hwmon0/name", "coretemp");
  put("class/hwmon/hwmon0/in1_input", "900");
  put("class/hwmon/hwmon1/name", "ina3221");
  put("class/hwmon/hwmon1/in1_label", "VDD_IN");
  put("class/hwmon/hwmon1/in1_input", "5000");
  put("class/hwmon/hwmon1/curr1_input", "2000");
  eao_meter *m = open_meter(ctx);
  assert_int_equal(eao_meter_get(m), EAO_METER_HWMON);
  assert_string_equal(eao_meter_name(m), "hwmon ina3221 VDD_IN");
  uint64_t t0 = eao_clock_ns();
  eao_meter_start(m);
  usleep(30000);
  eao_meter_sample(m);
  double mj = eao_meter_stop(m), s = (double)(eao_clock_ns() - t0) * 1e-9;
  assert_true(mj > 0.3 * 990 && mj / (s * 10e3) > 0.5 && mj / (s * 10e3) <= 1.0); /* 10 W */
  eao_meter_close(m);

  put("class/hwmon/hwmon1/power1_input", "4000000"); /* 4 W, better than the product */
  m = open_meter(ctx);
  eao_meter_start(m);
  usleep(20000);
  double less = eao_meter_stop(m);
  assert_true(less > 80 * 0.99 && less < 8000);
  eao_meter_close(m);

  put("class/hwmon/hwmon1/energy1_input", "100");
  m = open_meter(ctx);
  eao_meter_start(m);
  put("class/hwmon/hwmon1/energy1_input", "3100");
  assert_true(fabs(eao_meter_stop(m) - 3) < 1e-9);
  eao_meter_close(m);
}

static void batteries(void **state) {
  eao_ctx *ctx = *state;
  fresh_tree();
  put("class/power_supply/AC/type", "Mains");
  put("class/power_supply/BAT0/type", "Battery");
  put("class/power_supply/BAT0/status", "Charging");
  put("class/power_supply/BAT0/power_now", "9000000");
  eao_meter *m = open_meter(ctx);
  assert_int_equal(eao_meter_get(m), EAO_METER_NONE); /* that is the charger's power */
  eao_meter_start(m);
  assert_true(isnan(eao_meter_stop(m)));
  eao_meter_close(m);
  put("class/power_supply/BAT0/status", "Discharging");
  remove("class/power_supply/BAT0/power_now");
  m = open_meter(ctx);
  assert_int_equal(eao_meter_get(m), EAO_METER_BATTERY);
  assert_string_equal(eao_meter_name(m), "battery BAT0");
  eao_meter_start(m);
  usleep(20000);
  double mj = eao_meter_stop(m);
  assert_true(mj > 9 * 20 * 0.99 && mj < 9 * 2000);
  eao_meter_close(m);
}

static void heat(void **state) {
  (void)state;
  fresh_tree();
  eao_heat h = eao_heat_read(root);
  assert_true(isnan(h.temperature_c) && isnan(h.clock_mhz) && isnan(h.throttle_events));
  put("class/thermal/thermal_zone0/temp", "41500");
  put("class/thermal/thermal_zone1/temp", "67250");
  put("class/thermal/cooling_device0/cur_state", "3");
  put("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000");
  put("devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1200000");
  put("devices/system/cpu/cpufreq/boost", "1");
  put("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3");
  h = eao_heat_read(root);
  assert_true(h.temperature_c == 67.25 && h.clock_mhz == 1800 && h.throttle_events == 3);
  eao_heat hot = h;
  assert_int_equal(eao_thermal_judge(1.0, &h, &hot), EAO_THERMAL_STEADY);
  assert_int_equal(eao_thermal_judge(1.2, &h, &hot), EAO_THERMAL_SLOWER);
  hot.clock_mhz = 1500;
  assert_int_equal(eao_thermal_judge(1.2, &h, &hot), EAO_THERMAL_THROTTLED);
  hot = h;
  hot.throttle_events = 9;
  assert_int_equal(eao_thermal_judge(1.05, &h, &hot), EAO_THERMAL_THROTTLED);
  put("devices/platform/soc/soc:firmware/get_throttled", "50004"); /* now, and earlier */
  h = eao_heat_read(root);
  assert_true(h.throttled_now);
  put("devices/platform/soc/soc:firmware/get_throttled", "50000"); /* earlier only */
  h = eao_heat_read(root);
  assert_false(h.throttled_now);
}

static int set_up(void **state) {
  *state = eao_ctx_create(NULL, NULL);
  return mkdtemp(root) && *state ? 0 : -1;
}
static int tear_down(void **state) {
  eao_ctx *ctx = *state;
  fresh_tree();
  rmdir(root);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rapl), cmocka_unit_test(hwmon),
                                     cmocka_unit_test(batteries), cmocka_unit_test(heat)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
